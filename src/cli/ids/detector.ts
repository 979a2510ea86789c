import type { Packet } from '../dump/packet.ts'
import { type Alert, Alerts } from './alerts.ts'
import { Flows } from './flows.ts'
import { Observation } from './observation.ts'
import type { Rule } from './rule.ts'

/** Watches packets: keeps the flows, asks every rule, collects the alerts. */
export class Detector {
  readonly flows = new Flows()
  readonly alerts: Alerts
  /** The packet last watched. */
  readonly seen = new Observation()
  readonly #watchers: readonly { readonly rule: Rule; readonly report: (subject: string, evidence: string) => void }[]

  constructor(rules: readonly Rule[], say: (alert: Alert) => void) {
    this.alerts = new Alerts(say)
    this.#watchers = rules.map((rule) => ({
      rule,
      report: (subject, evidence) => this.alerts.report(rule, subject, evidence, this.seen.now),
    }))
  }

  /** Never throws, whatever the packet. */
  watch(packet: Packet): void {
    this.seen.load(packet)
    this.flows.onPacket(this.seen)
    for (const { rule, report } of this.#watchers) rule.onPacket(this.seen, report)
  }
}
