/** The first octet of a frame; docs/session-protocol.md has pictures of all. */
export const FrameType = {
  PADDING: 0x00,
  PING: 0x01,
  ACK: 0x02,
  OPEN: 0x03,
  OPEN_FLOW: 0x04,
  ACCEPT: 0x05,
  RESET: 0x06,
  STOP: 0x07,
  STREAM: 0x08,
  STREAM_END: 0x09,
  STREAM_CREDIT: 0x0a,
  SESSION_CREDIT: 0x0b,
  DATAGRAM: 0x0c,
  PATH_STATUS: 0x0d,
  PATH_CLOSE: 0x0e,
  CLOSE: 0x0f,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

/** What a path is for; the index is what travels. */
export const ROLES = ['primary', 'secondary', 'backup', 'never'] as const
export type PathRole = (typeof ROLES)[number]

/** Who opened a stream or a flow, and which of the two it is, stand in the two lowest bits of its number. */
export const ID_STEP = 4
export const SERVER_BIT = 1
export const FLOW_BIT = 2

/** What a reader of records hands over. Octets are views into what was fed, and stay what they are. */
export interface FrameHandler {
  onPing(): void
  /** `count` records of `path` have arrived, the last of them `delay` microseconds ago. */
  onAck(path: number, count: number, delay: number): void
  onOpen(id: number, service: Uint8Array, target: Uint8Array, source: Uint8Array): void
  onAccept(id: number): void
  onReset(id: number, code: number, finalOffset: number): void
  onStop(id: number, code: number): void
  /** Octets of a stream; a frame may be handed over in several pieces. With `isEnd` nothing lies behind them. */
  onStream(id: number, offset: number, bytes: Uint8Array, isEnd: boolean): void
  onStreamCredit(id: number, limit: number): void
  onSessionCredit(limit: number): void
  onDatagram(id: number, number: number, age: number, bytes: Uint8Array): void
  onPathStatus(path: number, sequence: number, role: PathRole): void
  onPathClose(): void
  onClose(code: number, reason: Uint8Array): void
  /** A record is complete, `octets` long with its header; `isAsking` when it is to be acknowledged. Whether to read on. */
  onRecord(octets: number, isAsking: boolean): boolean
}
