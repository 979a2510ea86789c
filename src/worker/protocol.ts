import type { Ipv4Addr } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { CreateStackOptions } from '../driver/create-stack.ts'
import type { AddressLike } from '../stack/address.ts'
import type { AddInterfaceOptions, TcpConnectOptions, TcpListenOptions } from '../stack/host.ts'
import type { PingEvent, PingOptions, PingReply } from '../stack/ping-events.ts'
import type { PingSummary } from '../stack/ping-stats.ts'
import type { TcpListener } from '../stack/tcp-listener.ts'
import type { UdpOptions } from '../stack/udp-socket.ts'
import type { TcpInfo } from '../tcp/info.ts'
import type { TcpFailure } from '../tcp/tcb.ts'
import type { BELL } from './bell.ts'
import type { ErrorRecord } from './error-record.ts'
import type { SlabNews } from './lane.ts'
import type { LinkDescription } from './links.ts'

/** What is known of an interface for good. */
export interface InterfaceFacts {
  readonly id: number
  readonly name: string
  /** The largest IP packet. */
  readonly mtu: number
  /** Such as `02:00:00:00:00:01`; all zero where the medium has none. */
  readonly mac: string
  /** Such as `10.0.0.9/24`. */
  readonly addresses: readonly string[]
}

/** The ends of a connection, and whether its SYN still waits for data (Fast Open). */
export interface ConnectionFacts {
  readonly local: Ipv4Addr
  readonly localPort: number
  readonly remote: Ipv4Addr
  readonly remotePort: number
  readonly isHeld: boolean
}

export interface ListenerFacts {
  readonly id: number
  readonly localAddress: string
  readonly localPort: number
}

export interface PingStep {
  /** Undefined at the end. */
  readonly event: PingEvent | undefined
  readonly summary: PingSummary
}

/** What is asked about a connection that the stack does not have any more. */
export const connectionOver = (syscall: string): NetError =>
  new NetError('ERR_CLOSED', `Cannot ${syscall === 'info' ? 'tell the state' : 'open'}: the connection is over`, {
    syscall,
  })

type Unsignalled<T> = Omit<T, 'signal'>

/** What the user's side asks of the stack's: arguments and answer of each call. */
export interface Calls {
  addInterface(args: { link: LinkDescription; options: AddInterfaceOptions }): InterfaceFacts
  removeInterface(id: number): void
  connect(args: { lane: number; options: Unsignalled<TcpConnectOptions> }): ConnectionFacts
  /** Waits for the handshake; a SYN that waits for data goes without. */
  opened(lane: number): void
  info(lane: number): TcpInfo
  listen(options: Unsignalled<TcpListenOptions>): ListenerFacts
  accept(args: { listener: number; lane: number }): ConnectionFacts
  listenerStats(id: number): TcpListener['stats']
  unlisten(id: number): void
  udpOpen(args: { lane: number; options: Omit<UdpOptions, 'onError'> }): { localAddress: string; localPort: number }
  udpConnect(args: { lane: number; address: AddressLike; port: number }): UdpEnds
  udpGroup(args: { lane: number; action: UdpGroupAction; group: AddressLike; iface: number | undefined }): void
  udpClose(lane: number): void
  ping(args: { address: AddressLike; options: Unsignalled<PingOptions> }): PingReply
  pings(args: { address: AddressLike; options: Unsignalled<PingOptions> }): number
  pingNext(id: number): PingStep
  pingStop(id: number): void
  close(): void
}

interface UdpEnds {
  readonly localAddress: string
  readonly remoteAddress: string
}

/** What a UDP socket does with a group; `send` only with the interface. */
export type UdpGroupAction = 'join' | 'leave' | 'send'

export type Operation = keyof Calls
export type Arguments<O extends Operation> = Parameters<Calls[O]>[0]
export type Answer<O extends Operation> = ReturnType<Calls[O]>

export interface Call {
  readonly call: number
  readonly operation: Operation
  readonly args: unknown
  /** It may be cancelled. */
  readonly isAbortable: boolean
}

/** From the user's side: calls, calls that are not wanted any more, memory. In the order in which they were made. */
export type Request = Call | { readonly cancel: number } | SlabNews

/** From the stack's side. */
export type Notice =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: ErrorRecord }
  /** The connection is over, in order or with this failure; its ring may still have something to read. */
  | { readonly over: number; readonly failure: TcpFailure | undefined }
  /** The stack's side has done its last with the lane. */
  | { readonly free: number }
  /** The datagram `sent` of a socket, counted from 1, could not be sent. */
  | { readonly unsent: number; readonly lane: number; readonly error: ErrorRecord }
  /** What an earlier datagram met, for the next call, or for `onError`. */
  | { readonly udpError: number; readonly isPending: boolean; readonly error: ErrorRecord }
  | { readonly interfaceError: number; readonly error: ErrorRecord }

/** One message: all that a turn brought, or no more than that the bell has rung. */
export type Message<T> = readonly T[] | typeof BELL

/** A message port, or what serves as one. */
export interface Port {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** The options of a stack that go to another thread: randomness is drawn there, and a probe would be called there. */
export type WorkerStackOptions = Omit<CreateStackOptions, 'rng' | 'probe'>

/** The two bells, which both sides know from the start. */
export interface Bells {
  /** Rung by the user's side. */
  readonly up: Int32Array
  readonly down: Int32Array
}

/** What answers calls. The answer of one that is cancelled is ABORT_ERR, where it heeds its signal. */
export type Handlers<O extends Operation = Operation> = {
  readonly [K in O]: (args: Arguments<K>, signal: AbortSignal | undefined) => Answer<K> | Promise<Answer<K>>
}

/** What the thread of a stack begins with. */
export interface ThreadData {
  readonly bells: Bells
  readonly options: WorkerStackOptions
}
