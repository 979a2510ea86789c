import type { Output, Style } from '../output.ts'
import { formatBytes, formatSeconds, formatTimeOfDay, plural } from '../units.ts'
import type { Alert } from './alerts.ts'
import type { Detector } from './detector.ts'
import { endpoint, type Flow, protocolName } from './flows.ts'
import type { Observation } from './observation.ts'
import type { Severity } from './rule.ts'

const STYLES: Readonly<Record<Severity, Style>> = { low: 'cyan', medium: 'yellow', high: 'red' }

/** Says what a detector sees: lines for people, records for programs. */
export class IdsReport {
  readonly #output: Output
  readonly #quiet: boolean
  #alerts = 0

  constructor(output: Output, quiet: boolean) {
    this.#output = output
    this.#quiet = quiet
  }

  /** `[dst src dstport srcport proto]`, of IP packets. */
  packet(seen: Observation): void {
    if (this.#quiet || seen.version === 0) return
    const { srcPort, dstPort } = seen
    const protocol = protocolName(seen.protocol)
    if (!this.#output.json) {
      this.#output.print(`[${seen.dstText} ${seen.srcText} ${dstPort} ${srcPort} ${protocol}]`)
      return
    }
    const ends = { dst: seen.dstText, src: seen.srcText, dst_port: dstPort, src_port: srcPort }
    this.#output.record('packet', { time_ms: seen.now, ...ends, protocol, length: seen.length })
  }

  alert(alert: Alert): void {
    const { rule, severity, subject, evidence, count } = alert
    if (count === 1) this.#alerts++
    const repeated = count > 1 ? ` (x${count})` : ''
    const mark = this.#output.paint(STYLES[severity], `ALERT ${severity}`)
    this.#output.print(`${formatTimeOfDay(new Date(alert.lastMs))} ${mark} ${rule} ${subject}: ${evidence}${repeated}`)
    const times = { first_ms: alert.firstMs, last_ms: alert.lastMs }
    this.#output.record('alert', { rule, severity, subject, evidence, count, ...times })
  }

  finish(
    detector: Detector,
    totals: { readonly packets: number; readonly drops: number | undefined; readonly flows: number },
  ): void {
    const { packets, drops } = totals
    const { flows } = detector
    if (!this.#quiet) this.#flowTable(flows.top(totals.flows), flows.total)
    this.#output.note(
      `${plural(packets, 'packet')} seen${drops === undefined ? '' : `, ${drops} dropped by kernel`}; ` +
        `${plural(flows.total, 'flow')}; ${plural(this.#alerts, 'alert')}`,
    )
    this.#output.record('summary', {
      packets,
      dropped_by_kernel: drops ?? null,
      flows: flows.total,
      alerts: this.#alerts,
    })
  }

  #flowTable(shown: readonly Flow[], total: number): void {
    for (const flow of shown) this.#output.record('flow', record(flow))
    if (shown.length === 0) return
    const rows = [['protocol', 'from', 'to', 'packets', 'size', 'state', 'age'], ...shown.map(row)]
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)))
    for (const cells of rows) {
      this.#output.print(
        cells
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd(),
      )
    }
    if (total > shown.length) this.#output.print(`and ${total - shown.length} more flows`)
  }
}

const row = (flow: Flow): string[] => [
  protocolName(flow.protocol),
  endpoint(flow.src, flow.srcPort),
  endpoint(flow.dst, flow.dstPort),
  String(flow.packets),
  formatBytes(flow.bytes),
  flow.state,
  formatSeconds((flow.lastMs - flow.firstMs) / 1000),
]

const record = (flow: Flow): Readonly<Record<string, unknown>> => ({
  protocol: protocolName(flow.protocol),
  src: endpoint(flow.src, 0),
  dst: endpoint(flow.dst, 0),
  src_port: flow.srcPort,
  dst_port: flow.dstPort,
  packets: flow.packets,
  bytes: flow.bytes,
  state: flow.state,
  age_ms: flow.lastMs - flow.firstMs,
})
