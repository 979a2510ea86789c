import { NetError } from '../../base/errors.ts'
import type { Output } from '../output.ts'
import { reasonOf } from '../tcp/service.ts'
import { formatBytes, formatSeconds, plural } from '../units.ts'
import type { Passed } from './splice.ts'

/** How much is said of connections; each says what those before it say. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The ends of a connection or a flow: who wants to go where. */
export interface Ends {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

/** Codes that blame the proxy, not one destination. */
const PROXY_CODES: ReadonlySet<string> = new Set(['ERR_PROXY', 'ERR_PROXY_AUTH'])

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'

/** What was carried and what was not, counted and told. */
export class Report {
  readonly #output: Output
  readonly #level: number
  readonly #began = performance.now()
  readonly #failures = new Map<string, number>()
  readonly #totals: Passed = { up: 0, down: 0 }
  readonly #udp = { flows: 0, up: 0, down: 0, dropped: 0 }
  #connections = 0
  #good = 0
  #refused = 0
  #unsolicited = 0
  /** The complaint about the proxy that was told last, until something gets through. */
  #complaint: string | undefined

  constructor(output: Output, level: LogLevel) {
    this.#output = output
    this.#level = LOG_LEVELS.indexOf(level)
  }

  opened(id: number, ends: Ends): void {
    this.#connections++
    this.#complaint = undefined
    this.#say('debug', () => `[${id}] ${arrow(ends)} open`)
    this.#output.record('open', { conn: id, ...fieldsOf(ends) })
  }

  closed(id: number, ends: Ends, passed: Passed, seconds: number, error: unknown): void {
    this.#totals.up += passed.up
    this.#totals.down += passed.down
    if (error === undefined) this.#good++
    this.#say('info', () => {
      const amounts = `sent ${formatBytes(passed.up)}, received ${formatBytes(passed.down)}`
      return `[${id}] ${arrow(ends)} ${reasonOf(error)}: ${amounts} in ${formatSeconds(seconds)}`
    })
    this.#output.record('close', {
      conn: id,
      ...fieldsOf(ends),
      reason: error === undefined ? 'closed' : codeOf(error),
      sent_bytes: passed.up,
      received_bytes: passed.down,
      time_ms: Math.round(seconds * 1000),
    })
  }

  /** A connection or a flow that did not come about. */
  refused(kind: 'tcp' | 'udp', ends: Ends, error: unknown): void {
    const code = codeOf(error)
    this.#refused++
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
    const why = error instanceof Error ? error.message : String(error)
    if (PROXY_CODES.has(code)) this.#complain(why)
    else this.#say('warn', () => `${kind} ${arrow(ends)} refused: ${why}`)
    this.#output.record('refused', { kind, ...fieldsOf(ends), code })
  }

  flowOpened(ends: Ends): void {
    this.#udp.flows++
    this.#complaint = undefined
    this.#say('debug', () => `udp ${arrow(ends)} begins`)
  }

  flowClosed(ends: Ends, passed: Passed): void {
    this.#say(
      'debug',
      () => `udp ${arrow(ends)} ends: sent ${formatBytes(passed.up)}, received ${formatBytes(passed.down)}`,
    )
    this.#output.record('flow', { ...fieldsOf(ends), sent_bytes: passed.up, received_bytes: passed.down })
  }

  datagram(way: keyof Passed, length: number): void {
    this.#udp[way] += length
  }

  datagramsDropped(count: number): void {
    this.#udp.dropped += count
  }

  /** An answer for a flow that is no more, or never was. */
  unsolicited(): void {
    this.#unsolicited++
  }

  status(open: number, flows: number): string {
    const { up, down } = this.#totals
    const udp = this.#udp
    return (
      `${open} open, ${plural(this.#connections, 'connection')} in all, ${this.#refused} refused; ` +
      `${formatBytes(up)} sent, ${formatBytes(down)} received; ` +
      `${plural(flows, 'flow')} of datagrams, ${formatBytes(udp.up)} sent, ${formatBytes(udp.down)} received`
    )
  }

  /** The end: what was carried, and what was in the way. */
  summarize(extra: Readonly<Record<string, number>>): void {
    const seconds = (performance.now() - this.#began) / 1000
    const { up, down } = this.#totals
    const udp = this.#udp
    const output = this.#output
    output.note(
      `${plural(this.#connections, 'connection')}, ${formatBytes(up)} sent, ${formatBytes(down)} received; ` +
        `${plural(udp.flows, 'flow')} of datagrams, ${formatBytes(udp.up)} sent, ${formatBytes(udp.down)} received`,
    )
    for (const [code, count] of this.#failures) output.note(`${count} refused with ${code}`)
    output.record('summary', {
      connections: this.#connections,
      good: this.#good,
      sent_bytes: up,
      received_bytes: down,
      refused: this.#refused,
      refusals: Object.fromEntries(this.#failures),
      udp_flows: udp.flows,
      udp_sent_bytes: udp.up,
      udp_received_bytes: udp.down,
      udp_dropped: udp.dropped,
      udp_unsolicited: this.#unsolicited,
      ...extra,
      time_ms: Math.round(seconds * 1000),
    })
  }

  /** Trouble with the proxy concerns everything: it is told once, and again when it came back after something worked. */
  #complain(why: string): void {
    if (this.#complaint === why || this.#level < LOG_LEVELS.indexOf('error')) return
    this.#complaint = why
    this.#output.warn(why)
  }

  #say(level: LogLevel, line: () => string): void {
    if (!this.#output.json && this.#level >= LOG_LEVELS.indexOf(level)) this.#output.print(line())
  }
}

/** How the peer inside is told that the outside refused: as the outside did, as far as can be known. */
export function refusalFor(error: unknown): 'reset' | 'unreachable' {
  const isUnreachable = error instanceof NetError && ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(error.code)
  return isUnreachable ? 'unreachable' : 'reset'
}

const arrow = ({ remoteAddress, remotePort, localAddress, localPort }: Ends): string =>
  `${remoteAddress}:${remotePort} -> ${localAddress}:${localPort}`

const fieldsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Ends) => ({
  source: remoteAddress,
  source_port: remotePort,
  destination: localAddress,
  destination_port: localPort,
})
