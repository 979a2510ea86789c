import type { Output } from '../output.ts'
import { formatBytes } from '../units.ts'
import { bitRate } from './report.ts'
import type { ServedConnection } from './served-connection.ts'

interface Before {
  readonly bytes: number
  readonly retransmits: number
}

const WIDTHS = [6, 18, 12, 14, 6, 12] as const
const HEADER = ['[ ID]', 'Interval', 'Transfer', 'Bitrate', 'Retr', 'Cwnd']

const row = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i < 2 ? cell.padEnd(WIDTHS[i]!) : cell.padStart(WIDTHS[i]!))).join(' ')

/** What passed on each connection in each interval, as iperf3 shows it. */
export class IntervalTable {
  readonly #output: Output
  readonly #connections: ReadonlySet<ServedConnection>
  readonly #before = new WeakMap<ServedConnection, Before>()
  readonly #timer: NodeJS.Timeout
  readonly #seconds: number
  #turn = 0
  #rows = 0

  constructor(output: Output, connections: ReadonlySet<ServedConnection>, seconds: number) {
    this.#output = output
    this.#connections = connections
    this.#seconds = seconds
    this.#timer = setInterval(() => this.#show(), seconds * 1000)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #show(): void {
    const from = this.#turn++ * this.#seconds
    const to = from + this.#seconds
    for (const connection of this.#connections) {
      const { traffic, socket, id } = connection
      const { retrans, cwnd, mss } = socket.info()
      const before = this.#before.get(connection) ?? { bytes: 0, retransmits: 0 }
      const bytes = traffic.sent + traffic.received
      this.#before.set(connection, { bytes, retransmits: retrans })
      const passed = bytes - before.bytes
      const again = retrans - before.retransmits
      this.#output.record('interval', {
        conn: id,
        from_ms: from * 1000,
        to_ms: to * 1000,
        bytes: passed,
        bitrate_bps: (passed * 8) / this.#seconds,
        retransmits: again,
        cwnd_bytes: cwnd * mss,
      })
      if (this.#rows++ === 0) this.#output.print(row(HEADER))
      this.#output.print(
        row([
          `[${String(id).padStart(3)}]`,
          `${from.toFixed(2)}-${to.toFixed(2)} s`,
          formatBytes(passed),
          bitRate(passed, this.#seconds),
          String(again),
          formatBytes(cwnd * mss),
        ]),
      )
    }
  }
}
