import { FrameDescriber } from '../../wire/describe.ts'
import { formatFrame } from '../../wire/format/frame.ts'
import { asciiDump, hexdump } from '../../wire/format/hexdump.ts'
import type { FormatOptions } from '../../wire/format/options.ts'
import { SequenceBases } from '../../wire/format/sequence-bases.ts'
import { FrameLayers } from '../../wire/layers.ts'
import { Explainer } from './explainer.ts'
import type { Packet } from './packet.ts'
import { Timestamps } from './timestamps.ts'

/** The bytes under each line: -x, -X and -A; a second letter shows the link-level header too. */
export interface DumpStyle {
  readonly form: 'none' | 'hex' | 'hex and ascii' | 'ascii'
  readonly withLink: boolean
}

/** Shows packets: as lines, as records, as columns. */
export class PacketView {
  readonly #format: FormatOptions
  readonly #dump: DumpStyle
  readonly #timestamps: Timestamps
  readonly #explainer: Explainer | undefined
  readonly #bases = new SequenceBases()
  readonly #describer = new FrameDescriber()
  readonly #layers = new FrameLayers()

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
    const from = withLink ? packet.start : this.#networkAt(packet)
    if (form === 'ascii') return asciiDump(packet.bytes, from, packet.end)
    return hexdump(packet.bytes, from, packet.end, form === 'hex and ascii')
  }

  /** Where the network layer starts; the end of what was captured when that is before it. */
  #networkAt(packet: Packet): number {
    this.#layers.load(packet)
    const { networkAt } = this.#layers
    return networkAt < 0 ? packet.end : Math.min(networkAt, packet.end)
  }
}
