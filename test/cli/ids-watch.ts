import { Packet } from '../../src/cli/dump/packet.ts'
import type { Alert } from '../../src/cli/ids/alerts.ts'
import { Detector } from '../../src/cli/ids/detector.ts'
import { makeRules } from '../../src/cli/ids/rules.ts'
import { LinkType } from '../../src/wire/pcap-record.ts'
import { viewOf } from '../wire/build.ts'

/** A captured frame, `ms` milliseconds after the start of the test's own time. */
export function packetOf(bytes: Uint8Array, ms: number, partialChecksum = false): Packet {
  const packet = new Packet()
  packet.bytes = bytes
  packet.view = viewOf(bytes)
  packet.end = bytes.length
  packet.wireLength = bytes.length
  packet.linkType = LinkType.ETHERNET
  packet.partialChecksum = partialChecksum
  packet.seconds = 1000 + Math.floor(ms / 1000)
  packet.nanos = Math.round((ms % 1000) * 1e6)
  return packet
}

/** Watches frames one after the other, the n-th at `n * step` milliseconds; what all rules say, in the order they say it. */
export function watch(frames: readonly Uint8Array[], step: number, thresholds?: ReadonlyMap<string, number>): Alert[] {
  const said: Alert[] = []
  const detector = new Detector(makeRules(thresholds), (alert) => said.push({ ...alert }))
  frames.forEach((frame, i) => {
    detector.watch(packetOf(frame, i * step))
  })
  detector.alerts.finish()
  return said
}

/** `rule subject xN` of each alert said. */
export const brief = (alerts: readonly Alert[]): string[] =>
  alerts.map(({ rule, subject, count }) => `${rule} ${subject} x${count}`)
