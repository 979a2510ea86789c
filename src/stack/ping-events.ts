import type { ErrorCode } from '../base/errors.ts'
import type { IcmpErrorKind } from '../ip/transport.ts'
import type { AddressLike } from './address.ts'

export interface PingOptions {
  /** Bytes of data in each request. Default 56, of which the packet has 84. */
  readonly size?: number
  /** Requests to send. Default: no end. */
  readonly count?: number
  /** Milliseconds between requests. Default 1000; 0 sends the next as soon as a reply is there. */
  readonly interval?: number
  /** Milliseconds to wait for the last replies. Default 10,000. */
  readonly timeout?: number
  /** Default 64. */
  readonly ttl?: number
  readonly tos?: number
  /** Never cut requests; too large ones fail with EMSGSIZE. */
  readonly dontFragment?: boolean
  /** The address to send from. Default: as the route has it. */
  readonly source?: AddressLike
  /** Repeated to fill the data. Default: counting bytes. */
  readonly pattern?: Uint8Array
  /** Allow a broadcast address. */
  readonly broadcast?: boolean
  readonly signal?: AbortSignal
}

/** What happens while pinging, in the order in which it happens. */
export type PingEvent =
  | { readonly type: 'sent'; readonly seq: number }
  | PingReply
  /** The next request goes out and this one is still unanswered. */
  | { readonly type: 'unanswered'; readonly seq: number }
  | PingFailure

export interface PingReply {
  readonly type: 'reply'
  readonly seq: number
  readonly from: string
  readonly ttl: number
  /** Of the ICMP message, header included: 64 for 56 bytes of data. */
  readonly bytes: number
  /** Undefined when the request is no longer remembered. */
  readonly rttUs: number | undefined
  readonly isDuplicate: boolean
  /** The checksum is wrong. */
  readonly isCorrupt: boolean
  /** The data is not what was sent. */
  readonly isAltered: boolean
}

export interface PingFailure {
  readonly type: 'error'
  readonly seq: number
  /** The router or host that says so; ourselves when the neighbour does not answer. */
  readonly from: string
  readonly code: ErrorCode
  /** Of an ICMP error; undefined when the packet never left. */
  readonly icmp: { readonly kind: IcmpErrorKind; readonly code: number; readonly local: boolean } | undefined
  /** The MTU that was told, or 0. */
  readonly mtu: number
}
