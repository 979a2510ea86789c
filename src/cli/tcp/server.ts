import type { TcpListener } from '../../stack/tcp-listener.ts'
import type { Output } from '../output.ts'
import { formatBytes } from '../units.ts'
import { bitRate, reportRecord, seconds } from './report.ts'
import { ServedConnection } from './served-connection.ts'
import type { Service } from './service.ts'

export interface ServerLimits {
  /** Serves one connection only. */
  readonly once: boolean
  /** How many are served at the same time. */
  readonly most: number
  /** Seconds that the end of a connection may take to be delivered. */
  readonly linger: number | undefined
}

/** Accepts and serves until the listener is closed and every connection has ended. */
export class Server {
  readonly connections = new Set<ServedConnection>()
  readonly #listener: TcpListener
  readonly #service: Service
  readonly #limits: ServerLimits
  readonly #output: Output
  #count = 0
  #good = 0
  #received = 0
  #sent = 0

  constructor(listener: TcpListener, service: Service, limits: ServerLimits, output: Output) {
    this.#listener = listener
    this.#service = service
    this.#limits = limits
    this.#output = output
  }

  /** Resolves when the listener was closed, by `--once` or from outside. */
  async accept(): Promise<void> {
    const { once, most, linger } = this.#limits
    for await (const socket of this.#listener) {
      const connection = new ServedConnection(++this.#count, socket, this.#service, linger)
      this.#open(connection)
      if (once) this.#listener.close()
      while (this.connections.size >= most) await Promise.race([...this.connections].map((each) => each.ended))
    }
  }

  /** Resolves when all are served, or when `limit` seconds have passed; then it resets what is left. */
  async drain(limit: number): Promise<void> {
    const reset = (): void => {
      for (const { socket } of this.connections) socket.abort()
    }
    const timer = setTimeout(reset, limit * 1000)
    await this.served()
    clearTimeout(timer)
  }

  async served(): Promise<void> {
    await Promise.all([...this.connections].map((each) => each.ended))
  }

  get status(): string {
    return `${this.connections.size} open, ${this.#count} in all, ${this.#totals}`
  }

  summarize(): void {
    const output = this.#output
    const { cookiesSent, cookiesAccepted, overflows } = this.#listener.stats
    output.note(`${this.#count} connection${this.#count === 1 ? '' : 's'}, ${this.#totals}`)
    if (cookiesSent > 0) output.note(`${cookiesSent} SYNs were answered with cookies, and ${cookiesAccepted} came back`)
    if (overflows > 0) output.note(`${overflows} attempts were dropped, for the queue was full: see --backlog`)
    output.record('summary', {
      connections: this.#count,
      good: this.#good,
      received_bytes: this.#received,
      sent_bytes: this.#sent,
      syn_cookies_sent: cookiesSent,
      syn_cookies_accepted: cookiesAccepted,
      overflows,
    })
  }

  get #totals(): string {
    return `${formatBytes(this.#received)} read, ${formatBytes(this.#sent)} written`
  }

  #open(connection: ServedConnection): void {
    const output = this.#output
    const { id, remote, socket } = connection
    this.connections.add(connection)
    output.print(`[${id}] ${remote} connected, ${this.connections.size} open`)
    output.record('open', { conn: id, remote: socket.remoteAddress, remote_port: socket.remotePort })
    void connection.ended.then(() => this.#close(connection))
  }

  #close(connection: ServedConnection): void {
    const output = this.#output
    const { id, remote, socket, traffic, reason, command, seconds: duration } = connection
    const info = socket.info()
    this.connections.delete(connection)
    if (connection.isGood) this.#good++
    this.#received += traffic.received
    this.#sent += traffic.sent
    const most = Math.max(traffic.received, traffic.sent)
    output.print(
      `[${id}] ${remote} ${reason}: read ${formatBytes(traffic.received)}, wrote ${formatBytes(traffic.sent)} in ` +
        `${seconds(duration)}, ${bitRate(most, duration)}, ${info.retrans} retransmits`,
    )
    const end = command === undefined ? {} : { command_status: command.status, command_signal: command.signal }
    output.record('close', { conn: id, reason, ...end, ...reportRecord(traffic, duration, info) })
  }
}
