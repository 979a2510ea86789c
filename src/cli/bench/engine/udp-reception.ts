import { type Ipv4Addr, parseIpv4 } from '../../../base/address.ts'
import type { Host } from '../../../stack/host.ts'
import type { UdpSocket } from '../../../stack/udp-socket.ts'
import type { Parameters } from '../iperf/parameters.ts'
import { streamId, UDP_BUFFER, UDP_HELLO, UDP_WELCOME } from '../iperf/protocol.ts'
import { UdpStream } from './udp-stream.ts'

export interface ReceptionOptions {
  readonly port: number
  readonly local: string
  /** The client; what others send is not heard. */
  readonly remote: string
  readonly parameters: Parameters
}

/** The server's UDP port during a test: all streams come to it, told apart by the port they come from. */
export class UdpReception {
  readonly #socket: UdpSocket
  readonly #options: ReceptionOptions
  readonly #remote: Ipv4Addr
  readonly #streams = new Map<number, UdpStream>()

  /** @throws {NetError} EADDRINUSE */
  constructor(host: Host, options: ReceptionOptions) {
    const { port, remote, parameters } = options
    const buffer = parameters.window ?? UDP_BUFFER
    this.#options = options
    this.#remote = parseIpv4(remote)!
    this.#socket = host.udp.open({ port, receiveBuffer: buffer, sendBuffer: buffer, tos: parameters.tos })
  }

  /** Lets `total` streams in, the first `receiving` of which we receive; reads on for all of them. */
  collect(total: number, receiving: number): Promise<readonly UdpStream[]> {
    return new Promise((resolve, reject) => {
      this.#read(total, receiving, resolve).catch(reject)
    })
  }

  close(): void {
    this.#socket.close()
  }

  async #read(total: number, receiving: number, onComplete: (all: readonly UdpStream[]) => void): Promise<void> {
    const streams = this.#streams
    for await (const { data, address, port } of this.#socket) {
      if (address !== this.#options.remote) continue
      const known = streams.get(port)
      // Older clients greet otherwise, and every greeting is as short.
      if (data.length === UDP_HELLO.length) {
        if (known === undefined && streams.size === total) continue
        if (known === undefined) streams.set(port, this.#open(port, streams.size, receiving))
        await this.#socket.send(UDP_WELCOME, this.#remote, port)
        if (known === undefined && streams.size === total) onComplete([...streams.values()])
      } else known?.take(data)
    }
  }

  #open(remotePort: number, index: number, receiving: number): UdpStream {
    const { local, parameters } = this.#options
    return new UdpStream(this.#socket, {
      id: streamId(index),
      number: index + 1,
      isSender: index >= receiving,
      remote: this.#remote,
      remotePort,
      local,
      isWide: parameters.wideCounters,
      length: parameters.length,
      isAlone: false,
    })
  }
}
