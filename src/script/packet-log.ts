import { formatFrame } from '../wire/format/frame.ts'
import { FORMAT_DEFAULTS } from '../wire/format/options.ts'
import { SequenceBases } from '../wire/format/sequence-bases.ts'
import { LinkType } from '../wire/pcap-record.ts'
import type { WirePacket } from './wire.ts'

/** A time of a script in seconds, as its traces and failures tell it: `0.100000`. */
export const formatElapsed = (elapsed: number): string => (elapsed / 1_000_000).toFixed(6)

/** Puts the packets of a script into tcpdump's words, and keeps the last of them. */
export class PacketLog {
  /** The last packets that were added, oldest first. */
  readonly lines: string[] = []
  readonly #kept: number
  readonly #bases = new SequenceBases()

  constructor(kept: number) {
    this.#kept = kept
  }

  /** Keeps a packet; says the line that it became. */
  add(packet: WirePacket, elapsed: number): string {
    const line = this.line(packet, elapsed)
    if (this.lines.length === this.#kept) this.lines.shift()
    this.lines.push(line)
    return line
  }

  /** `0.100000 > IP …`: `>` for a packet of the stack, `<` for one of the script. */
  line(packet: WirePacket, elapsed: number): string {
    const { bytes, direction } = packet
    const frame = {
      bytes,
      start: 0,
      end: bytes.length,
      wireLength: bytes.length,
      linkType: LinkType.RAW,
      partialChecksum: true,
    }
    return `${formatElapsed(elapsed)} ${direction === 'in' ? '<' : '>'} ${formatFrame(frame, FORMAT_DEFAULTS, this.#bases)}`
  }
}
