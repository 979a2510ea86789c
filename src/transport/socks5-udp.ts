import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { isIPv6, type Socket } from 'node:net'
import type { HostPort } from './host-port.ts'
import type { Socks5Proxy } from './proxy.ts'
import { openAssociation, type Socks5Options } from './socks5.ts'
import { parseUdp, udpHeader } from './socks5-wire.ts'

/** Bytes that may wait in our socket; more are dropped, as everywhere on a datagram's way. */
const MAX_QUEUE = 256 * 1024

/** Datagrams to anywhere by way of a proxy, until one of the two ends it (RFC 1928 §7). */
export class Socks5Association {
  /** A datagram came; its bytes are the receiver's own. */
  onDatagram: ((data: Uint8Array, from: HostPort) => void) | undefined = undefined
  /** It has ended, and not by `close`. */
  onEnd: (() => void) | undefined = undefined
  /** Datagrams that our socket had no room for, and answers that were none. */
  readonly stats = { dropped: 0, malformed: 0 }
  readonly #control: Socket
  readonly #socket: UdpSocket
  #isClosed = false

  private constructor(control: Socket, socket: UdpSocket) {
    this.#control = control
    this.#socket = socket
    // RFC 1928 §7: the association ends with the connection on which it was asked for.
    const onEnd = (): void => {
      if (this.#isClosed) return
      this.close()
      this.onEnd?.()
    }
    control.on('close', onEnd).on('end', onEnd).resume()
    // An ICMP error of the relay: the proxy may be about to say so on the connection.
    socket.on('error', () => undefined)
    socket.on('message', (message) => this.#onMessage(message))
  }

  /** @throws {NetError} as `connectBySocks5`; ERR_PROXY_REFUSED where the proxy carries no UDP. */
  static async open(proxy: Socks5Proxy, options: Socks5Options = {}): Promise<Socks5Association> {
    const { control, relay } = await openAssociation(proxy, options)
    const socket = createSocket(isIPv6(relay.host) ? 'udp6' : 'udp4')
    try {
      // Nobody but the relay is heard.
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject)
        socket.connect(relay.port, relay.host, () => {
          socket.off('error', reject)
          resolve()
        })
      })
    } catch (error) {
      control.destroy()
      socket.close()
      throw error
    }
    return new Socks5Association(control, socket)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sends `data` behind `header`, which `udpHeader` made of where it is to go. */
  send(header: Uint8Array, data: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#socket.getSendQueueSize() > MAX_QUEUE) this.stats.dropped++
    else this.#socket.send([header, data], () => undefined)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#control.destroy()
    this.#socket.close()
  }

  #onMessage(message: Buffer): void {
    const parsed = parseUdp(message)
    if (parsed === undefined) this.stats.malformed++
    else this.onDatagram?.(message.subarray(parsed.dataAt), parsed.from)
  }
}

export { udpHeader }
