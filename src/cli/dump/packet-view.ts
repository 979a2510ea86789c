import { FrameDescriber } from '../../wire/describe.ts'
import { formatFrame } from '../../wire/format/frame.ts'
import { asciiDump, hexdump } from '../../wire/format/hexdump.ts'
import type { FormatOptions } from '../../wire/format/options.ts'
import { SequenceBases } from '../../wire/format/sequence-bases.ts'
import { LinkType } from '../../wire/pcap-record.ts'
import { Explainer } from './explainer.ts'
import type { Packet } from './packet.ts'
import { Timestamps } from './timestamps.ts'

/** The bytes under each line: -x, -X and -A; a second letter shows the link-level header too. */
export interface DumpStyle {
  readonly form: 'none' | 'hex' | 'hex and ascii' | 'ascii'
  readonly withLink: boolean
}

const LINK_HEADERS: Readonly<Record<number, number>> = {
  [LinkType.ETHERNET]: 14,
  [LinkType.NULL]: 4,
  [LinkType.LOOP]: 4,
  [LinkType.LINUX_SLL]: 16,
  [LinkType.LINUX_SLL2]: 20,
}
const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100]

/** Where the network layer starts. */
function networkAt(packet: Packet): number {
  let at = packet.start + (LINK_HEADERS[packet.linkType] ?? 0)
  if (packet.linkType !== LinkType.ETHERNET) return at
  while (at + 4 <= packet.end && TAGS.includes(packet.view.getUint16(at - 2))) at += 4
  return at
}

/** Shows packets: as lines, as records, as columns. */
export class PacketView {
  readonly #format: FormatOptions
  readonly #dump: DumpStyle
  readonly #timestamps: Timestamps
  readonly #explainer: Explainer | undefined
  readonly #bases = new SequenceBases()
  readonly #describer = new FrameDescriber()

  constructor(format: FormatOptions, dump: DumpStyle, timestampStyle: number, explain: boolean) {
    this.#format = format
    this.#explainer = explain ? new Explainer() : undefined
    this.#dump = dump
    this.#timestamps = new Timestamps(timestampStyle)
  }

  /** The line, and under it what it means and the bytes, where asked for. */
  line(packet: Packet): string {
    const meaning = this.#explainer?.explain(packet).map((sentence) => `\n    » ${sentence}`) ?? []
    const text = formatFrame(packet, this.#format, this.#bases)
    return this.#timestamps.of(packet) + text + meaning.join('') + this.#bytes(packet)
  }

  /** Every field a program may want. */
  record(packet: Packet): Readonly<Record<string, unknown>> {
    return {
      time_ms: packet.timeMs,
      length: packet.wireLength,
      captured: packet.end - packet.start,
      ...this.#describer.describe(packet.view, packet.start, packet.end, packet.linkType),
      text: formatFrame(packet, this.#format, this.#bases),
      ...(this.#explainer === undefined ? {} : { explanation: this.#explainer.explain(packet) }),
    }
  }

  /** The named fields of the record, between tabs; empty where a packet has none. */
  columns(packet: Packet, fields: readonly string[]): string {
    const record = this.record(packet)
    return fields.map((field) => (record[field] === undefined ? '' : String(record[field]))).join('\t')
  }

  #bytes(packet: Packet): string {
    const { form, withLink } = this.#dump
    if (form === 'none') return ''
    const from = Math.min(withLink ? packet.start : networkAt(packet), packet.end)
    if (form === 'ascii') return asciiDump(packet.bytes, from, packet.end)
    return hexdump(packet.bytes, from, packet.end, form === 'hex and ascii')
  }
}
