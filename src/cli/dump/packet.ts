import type { CapturedFrame } from '../../wire/format/frame.ts'
import type { FrameBytes } from '../../wire/layers.ts'
import { LinkType } from '../../wire/pcap-record.ts'

const NO_BYTES = new Uint8Array(0)

/** One packet on its way from a source; the source fills it again for the next one. */
export class Packet implements CapturedFrame, FrameBytes {
  bytes: Uint8Array = NO_BYTES
  view: DataView = new DataView(NO_BYTES.buffer)
  /** The packet is `bytes[start, end)`. */
  start = 0
  end = 0
  /** Its length on the wire; less was captured where a snap length cut it. */
  wireLength = 0
  linkType = 0
  partialChecksum = false
  /** Since 1970, and the rest in nanoseconds. */
  seconds = 0
  nanos = 0

  /** Milliseconds since 1970. */
  get timeMs(): number {
    return this.seconds * 1000 + this.nanos / 1e6
  }
}

/** Where packets come from: an interface, or a file. */
export interface PacketSource {
  /** Says on stderr what is being read. */
  readonly heading: string
  /** How packets get here, for -v. */
  readonly engine: string
  /** What packets begin with; undefined until a file's first packet. */
  readonly linkType: number | undefined
  /**
   * Hands over each packet until there is none, `signal` aborts, or `onPacket` answers false. Waits for `ready`
   * between batches, so that a slow reader of our output slows the source down and not the memory fills.
   * @throws NetError when the interface is gone; UsageError for a file that is no capture
   */
  run(onPacket: (packet: Packet) => boolean, signal: AbortSignal, ready: () => Promise<void>): Promise<void>
  /** What the kernel dropped for want of room; undefined where nobody counts. */
  drops(): number | undefined
  close(): void
}

const NAMES: Readonly<Record<number, string>> = {
  [LinkType.NULL]: 'NULL (BSD loopback)',
  [LinkType.ETHERNET]: 'EN10MB (Ethernet)',
  [LinkType.RAW]: 'RAW (Raw IP)',
  [LinkType.LOOP]: 'LOOP (OpenBSD loopback)',
  [LinkType.LINUX_SLL]: 'LINUX_SLL (Linux cooked v1)',
  [LinkType.IPV4]: 'IPV4 (Raw IPv4)',
  [LinkType.IPV6]: 'IPV6 (Raw IPv6)',
  [LinkType.LINUX_SLL2]: 'LINUX_SLL2 (Linux cooked v2)',
}

/** A link type in tcpdump's words. */
export const linkTypeName = (linkType: number): string => NAMES[linkType] ?? String(linkType)
