import type { TcpSocket } from '../../../stack/tcp-socket.ts'
import { Pacer } from './pacer.ts'
import { type Counts, NOTHING, type Stream, type Work } from './stream.ts'

/** A TCP connection that sends, or receives, as fast as it can. */
export class TcpStream implements Stream {
  readonly id: number
  readonly number: number
  readonly isSender: boolean
  readonly socket: TcpSocket
  /** What had passed before the test: the cookie. */
  readonly #before: number
  #received = 0
  /** Takes back a write that still waits for room when the test is over. */
  readonly #stopped = new AbortController()
  #last: Counts | undefined

  constructor(socket: TcpSocket, about: { readonly id: number; readonly number: number; readonly isSender: boolean }) {
    this.socket = socket
    this.id = about.id
    this.number = about.number
    this.isSender = about.isSender
    this.#before = this.#accepted()
  }

  get local(): string {
    return this.socket.localAddress
  }

  get localPort(): number {
    return this.socket.localPort
  }

  get remote(): string {
    return this.socket.remoteAddress
  }

  get remotePort(): number {
    return this.socket.remotePort
  }

  get isDelivered(): boolean {
    return !this.isSender || this.socket.info().send_q === 0
  }

  get #isStopped(): boolean {
    return this.#last !== undefined
  }

  async run(work: Work): Promise<void> {
    try {
      await (this.isSender ? this.#send(work) : this.#receive(work))
    } catch (error) {
      // Once the test is over, either end may just go.
      if (!this.#isStopped) throw error
    }
  }

  counts(): Counts {
    if (this.#last !== undefined) return this.#last
    if (!this.isSender) return { ...NOTHING, bytes: this.#received }
    const { retrans, cwnd, mss, rtt } = this.socket.info()
    return { ...NOTHING, bytes: this.#accepted() - this.#before, retransmits: retrans, cwnd: cwnd * mss, rtt }
  }

  stop(): void {
    this.#last ??= this.counts()
    this.#stopped.abort()
  }

  close(): void {
    this.stop()
    this.socket.abort()
  }

  /** Bytes that the connection took from us: a write that waits for room counts as far as it has got. */
  #accepted(): number {
    const { bytes_acked, send_q } = this.socket.info()
    return bytes_acked + send_q
  }

  async #send(work: Work): Promise<void> {
    const { block, bitrate } = work
    const { signal } = this.#stopped
    const pacer = bitrate > 0 ? new Pacer(bitrate) : undefined
    while (!this.#isStopped) {
      const count = work.take(block.length)
      if (count === 0) return
      if (pacer !== undefined) await pacer.turn(count)
      if (this.#isStopped) return
      await this.socket.write(count === block.length ? block : block.subarray(0, count), { signal })
    }
  }

  /** Reads to the end, so that a sender that was in the middle of something is not reset. */
  async #receive(work: Work): Promise<void> {
    const { socket } = this
    for (let count = await socket.readInto(work.bin); count > 0; count = await socket.readInto(work.bin)) {
      if (this.#isStopped) continue
      this.#received += count
      work.received(count)
    }
  }
}
