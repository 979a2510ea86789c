/** What a client asks of the peer with the first bytes of a connection. */
export const Kind = {
  /** The peer takes the stream, and at its end reports how many bytes there were and how many pieces were wrong. */
  SINK: 1,
  /** The peer sends the stream, and ends its side. */
  SOURCE: 2,
  /** What comes goes back. */
  ECHO: 3,
  /** The peer answers a little and resets the connection. */
  CRASH: 4,
  /** As ECHO, on a connection that may be idle for long. */
  KEEP: 5,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

export const REQUEST_LENGTH = 16
export const REPORT_LENGTH = 16

/** The ports of a peer: TCP, HTTP, a UDP echo, and one where nobody listens. */
export const PEER_PORTS = { tcp: 7000, http: 7080, udp: 7000, closed: 7999 } as const

export interface Request {
  readonly kind: Kind
  /** Where in the stream of `payload` the transfer begins. */
  readonly start: number
  /** Of the transfer, where the peer must know it. */
  readonly length: number
}

export function encodeRequest({ kind, start, length }: Request): Buffer {
  const bytes = Buffer.alloc(REQUEST_LENGTH)
  bytes.writeUInt32BE(kind, 0)
  bytes.writeUInt32BE(start, 4)
  bytes.writeDoubleBE(length, 8)
  return bytes
}

export function decodeRequest(bytes: Buffer): Request {
  return { kind: bytes.readUInt32BE(0) as Kind, start: bytes.readUInt32BE(4), length: bytes.readDoubleBE(8) }
}

export function encodeReport(bytes: number, wrong: number): Buffer {
  const report = Buffer.alloc(REPORT_LENGTH)
  report.writeDoubleBE(bytes, 0)
  report.writeDoubleBE(wrong, 8)
  return report
}

export function decodeReport(report: Buffer): { readonly bytes: number; readonly wrong: number } {
  return { bytes: report.readDoubleBE(0), wrong: report.readDoubleBE(8) }
}
