/** What the frames of a capture begin with (the LINKTYPE registry of tcpdump.org). */
export const LinkType = {
  /** BSD loopback: four bytes of address family in the writer's byte order. */
  NULL: 0,
  ETHERNET: 1,
  /** A bare IPv4 or IPv6 packet. */
  RAW: 101,
  /** As NULL, in network byte order. */
  LOOP: 108,
  /** Linux "cooked" capture, 16 bytes. */
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  /** Linux "cooked" capture, version 2, 20 bytes. */
  LINUX_SLL2: 276,
} as const

/** The link type of frames that a link of ours carries. */
export const linkTypeOf = (medium: 'ethernet' | 'ip'): number =>
  medium === 'ethernet' ? LinkType.ETHERNET : LinkType.RAW

/** What Linux puts before a packet in a "cooked" capture, in bytes; and in its version 2. */
export const SLL_HEADER_LEN = 16
export const SLL2_HEADER_LEN = 20

/** One packet of a capture. The bytes lie in a chunk the reader was given and stay good. */
export interface CaptureRecord {
  readonly linkType: number
  /** Since 1970, and the rest in nanoseconds. */
  readonly seconds: number
  readonly nanos: number
  readonly bytes: Uint8Array
  /** The length of the packet before it was cut to what is stored. */
  readonly originalLength: number
  /** The number of the interface in a pcapng section; 0 in a pcap file. */
  readonly interfaceId: number
}

/** Why a capture cannot be read any further. */
export type CaptureFaultCode =
  | 'not-a-capture'
  | 'unsupported-version'
  | 'truncated'
  | 'record-too-large'
  | 'bad-block-length'
  | 'bad-captured-length'
  | 'bad-byte-order'
  | 'unknown-interface'
  | 'too-many-interfaces'

export interface CaptureFault {
  readonly code: CaptureFaultCode
  /** Where in the file the trouble begins. */
  readonly offset: number
  /** One sentence for people, the offset included. */
  readonly message: string
}

/** Reads a capture piece by piece. It never throws, whatever the bytes are. */
export interface RecordReader {
  /** What is wrong with the capture, once that is known; no more records come then. */
  readonly fault: CaptureFault | undefined
  /** Gives the next bytes of the file. They are kept and must not be changed. */
  push(chunk: Uint8Array): void
  /** The next packet, or undefined until more bytes come. */
  next(): CaptureRecord | undefined
  /** Says that no more bytes come; a rest that is no whole record is a fault. */
  end(): void
}

/** The largest packet that is believed, libpcap's own limit: a wrong length must not swallow the memory. */
export const MAX_CAPTURED = 262144
