import type { Ipv4Addr } from '../../../base/address.ts'
import { formatIpv4 } from '../../../base/address.ts'
import type { UdpSocket } from '../../../stack/udp-socket.ts'
import { DatagramTally, writeHead } from '../iperf/datagram.ts'
import { Pacer } from './pacer.ts'
import { type Counts, NOTHING, type Stream, type Work } from './stream.ts'

export interface UdpStreamOptions {
  readonly id: number
  readonly number: number
  readonly isSender: boolean
  readonly remote: Ipv4Addr
  readonly remotePort: number
  readonly local: string
  readonly isWide: boolean
  /** Bytes of each datagram. */
  readonly length: number
  /** Whether the stream reads its socket itself; else whoever does hands it its datagrams. */
  readonly isAlone: boolean
}

/** Datagrams between one port of ours and one of the peer's, in one direction. */
export class UdpStream implements Stream {
  readonly id: number
  readonly number: number
  readonly isSender: boolean
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  readonly isDelivered = true
  readonly #socket: UdpSocket
  readonly #options: UdpStreamOptions
  readonly #tally: DatagramTally
  #bytes = 0
  #sent = 0
  #work: Work | undefined
  #isStopped = false
  #last: Counts | undefined

  constructor(socket: UdpSocket, options: UdpStreamOptions) {
    this.#socket = socket
    this.#options = options
    this.#tally = new DatagramTally(options.isWide)
    this.id = options.id
    this.number = options.number
    this.isSender = options.isSender
    this.local = options.local
    this.localPort = socket.localPort
    this.remote = formatIpv4(options.remote)
    this.remotePort = options.remotePort
  }

  async run(work: Work): Promise<void> {
    this.#work = work
    try {
      if (this.isSender) await this.#send(work)
      else if (this.#options.isAlone) await this.#receive()
    } catch (error) {
      if (!this.#isStopped) throw error
    }
  }

  /** Counts a datagram, while the test runs. */
  take(data: Uint8Array): void {
    if (this.#isStopped || this.#work === undefined || !this.#tally.take(data, wallClock())) return
    this.#bytes += data.length
    this.#work.received(data.length)
  }

  counts(): Counts {
    if (this.#last !== undefined) return this.#last
    if (this.isSender) return { ...NOTHING, bytes: this.#bytes, packets: this.#sent }
    const { packets, lost, outOfOrder, jitter } = this.#tally
    return { ...NOTHING, bytes: this.#bytes, packets, lost, outOfOrder, jitter }
  }

  stop(): void {
    this.#last ??= this.counts()
    this.#isStopped = true
  }

  close(): void {
    this.stop()
    if (this.#options.isAlone) this.#socket.close()
  }

  async #send(work: Work): Promise<void> {
    const { remote, remotePort, isWide, length } = this.#options
    const datagram = work.block.slice(0, length)
    const view = new DataView(datagram.buffer)
    const pacer = work.bitrate > 0 ? new Pacer(work.bitrate) : undefined
    while (!this.#isStopped && work.take(length) > 0) {
      if (pacer !== undefined) await pacer.turn(length)
      if (this.#isStopped) return
      writeHead(view, wallClock(), this.#sent + 1, isWide)
      await this.#socket.send(datagram, remote, remotePort)
      this.#sent++
      this.#bytes += length
      // Neither a queue that is never full nor a rate that is never reached may keep us from everything else.
      if (this.#sent % BURST === 0) await breath()
    }
  }

  async #receive(): Promise<void> {
    while (!this.#isStopped) this.take((await this.#socket.receive()).data)
  }
}

/** Datagrams in a row without a look at what else there is to do. */
const BURST = 64

const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Milliseconds since 1970, with their fractions. */
const wallClock = (): number => performance.timeOrigin + performance.now()
