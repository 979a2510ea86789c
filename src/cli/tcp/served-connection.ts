import type { TcpSocket } from '../../stack/tcp-socket.ts'
import { Traffic } from './pump.ts'
import { type CommandEnd, isGood, reasonOf, type Service } from './service.ts'

/** One connection of a server, from its accept to its end. */
export class ServedConnection {
  readonly id: number
  readonly socket: TcpSocket
  readonly traffic: Traffic
  /** Resolves when nothing is left of it; never rejects. */
  readonly ended: Promise<void>
  readonly #began = performance.now()
  #error: unknown
  #command: CommandEnd | undefined
  #duration: number | undefined

  constructor(id: number, socket: TcpSocket, service: Service, linger: number | undefined) {
    this.id = id
    this.traffic = new Traffic(linger)
    this.socket = socket
    this.ended = this.#serve(service)
  }

  get remote(): string {
    return `${this.socket.remoteAddress}:${this.socket.remotePort}`
  }

  /** Seconds from the accept to the end, or until now. */
  get seconds(): number {
    return this.#duration ?? (performance.now() - this.#began) / 1000
  }

  /** Why it ended. */
  get reason(): string {
    return reasonOf(this.#error, this.#command)
  }

  get isGood(): boolean {
    return this.#error === undefined && (this.#command === undefined || isGood(this.#command))
  }

  /** How the command that served it ended; undefined where none did. */
  get command(): CommandEnd | undefined {
    return this.#command
  }

  async #serve(service: Service): Promise<void> {
    try {
      this.#command = await service(this.socket, this.traffic)
      await this.socket.closed
    } catch (error) {
      this.#error = error
      this.socket.abort()
    }
    this.#duration = this.seconds
  }
}
