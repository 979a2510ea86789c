import { IPV4_ANY } from '../../../base/address.ts'
import type { Host } from '../../../stack/host.ts'
import { TcpListener } from '../../../stack/tcp-listener.ts'
import type { TcpSocket } from '../../../stack/tcp-socket.ts'
import type { Listener } from '../../../tcp/passive/listener.ts'
import { resolveTcpOptions, type TcpOptionsInit } from '../../../tcp/settings.ts'

/** A listening port whose options can be changed: what a client asks of its connections, they must have from their SYN on. */
export class Door {
  readonly #options: TcpOptionsInit
  readonly #machine: Listener
  readonly #listener: TcpListener

  /** @throws {NetError} EADDRINUSE */
  constructor(host: Host, port: number, options: TcpOptionsInit) {
    this.#options = options
    this.#machine = host.machine.listen(IPV4_ANY, port, options)
    this.#listener = new TcpListener(this.#machine, host.machine, host.stack)
  }

  get port(): number {
    return this.#listener.localPort
  }

  /** Connections that begin from now on get these options besides its own. */
  change(options: TcpOptionsInit): void {
    this.#machine.settings = resolveTcpOptions({ ...this.#options, ...options })
  }

  /** Hands over connections until it is closed. */
  async serve(onConnection: (socket: TcpSocket) => void): Promise<void> {
    for await (const socket of this.#listener) onConnection(socket)
  }

  close(): void {
    this.#listener.close()
  }
}
