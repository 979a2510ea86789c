import type { Micros } from '../../base/types.ts'
import type { Link } from '../../link/link.ts'
import { Tracer } from '../../link/tracer.ts'
import { type CapturedFrame, formatFrame } from '../../wire/format/frame.ts'
import { FORMAT_DEFAULTS } from '../../wire/format/options.ts'
import { SequenceBases } from '../../wire/format/sequence-bases.ts'
import { linkTypeOf } from '../../wire/pcap-record.ts'
import { formatTimeOfDay } from '../units.ts'
import { clockEpoch } from './capture.ts'

/** A link that puts each of its frames into tcpdump's words, with the time of day, the interface and the direction. */
export function traceTo(inner: Link, name: string, print: (line: string) => void): Link {
  const bases = new SequenceBases()
  const epoch = clockEpoch()
  const linkType = linkTypeOf(inner.medium)
  return new Tracer(inner, (direction, bytes, start, end, now) => {
    const frame: CapturedFrame = { bytes, start, end, wireLength: end - start, linkType }
    const way = direction === 'in' ? 'In ' : 'Out'
    print(`${timeOfDay(epoch, now)} ${name} ${way} ${formatFrame(frame, FORMAT_DEFAULTS, bases)}`)
  })
}

/** `12:00:01.123456` */
function timeOfDay(epoch: number, now: Micros): string {
  const micros = Math.floor(epoch + now)
  return `${formatTimeOfDay(new Date(micros / 1000))}.${String(micros % 1_000_000).padStart(6, '0')}`
}
