import type { Ipv4Addr } from '../base/address.ts'
import { seqAdd } from '../base/seq.ts'
import { addMicros } from '../base/types.ts'
import type { FastOpenKeys } from '../tcp/fast-open/keys.ts'
import type { Listener } from '../tcp/passive/listener.ts'
import { nearestTcpOptions, resolveTcpOptions, type TcpOptionsInit } from '../tcp/settings.ts'
import type { Tcb } from '../tcp/tcb.ts'
import { Timer } from '../tcp/timers.ts'
import { release } from '../tcp/user.ts'
import type { TcpHeader } from '../wire/tcp.ts'
import { ERRNO, type Errno } from './errno.ts'
import { SendSpace } from './send-space.ts'
import type { Sysctls } from './sysctls.ts'

/** What a system call returns: a value, or -1 with an error. */
export interface Outcome {
  readonly value: number
  readonly errno?: Errno
}

export const ok = (value = 0): Outcome => ({ value })
export const failed = (errno: Errno): Outcome => ({ value: -1, errno })

/** A call that is made, and made again whenever something happened, until it returns; undefined while it blocks. */
export type Attempt = () => Outcome | undefined

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What setsockopt asked for TCP Fast Open. */
export interface FastOpenWishes {
  /** TCP_FASTOPEN_CONNECT: connect leaves the SYN to the first write. */
  connects: boolean
  /** TCP_FASTOPEN: the queue length of a listener. */
  queue?: number
  /** TCP_FASTOPEN_KEY. */
  keys?: FastOpenKeys
}

/** A TCP socket as Linux shows it to a program: what it is, what was asked of it, and the connection beneath. */
export class KernelSocket {
  readonly sysctls: Sysctls
  readonly #machine: { readonly sysctls: Sysctls; readonly options: TcpOptionsInit }
  isNonBlocking = false
  isClosed = false
  /** Where bind(2) put it. */
  bound: { readonly addr: Ipv4Addr; readonly port: number } | undefined
  listener: Listener | undefined
  tcb: Tcb | undefined
  space: SendSpace | undefined
  /** What setsockopt chose, over what the kernel parameters say. */
  readonly wanted: Mutable<TcpOptionsInit> = {}
  /** Options that are only kept and told again, by level and name. */
  readonly kept = new Map<string, number>()
  /** SO_SNDBUF and SO_RCVBUF as set, doubled; undefined before. */
  sndBuf: number | undefined
  rcvBuf: number | undefined
  cork = false
  readonly fastOpen: FastOpenWishes = { connects: false }
  /** What is held back goes out with the next refresh: an option that holds back was taken away. */
  pushes = false
  /** Milliseconds; 0 leaves it to the stack. */
  userTimeout = 0
  notSentLowAt = 0
  keepAlive = false
  keepIdle: number | undefined
  /** Milliseconds that a blocking receive or send waits at most (SO_RCVTIMEO, SO_SNDTIMEO); 0 for ever. */
  receiveTimeout = 0
  sendTimeout = 0
  /** SO_LINGER with no time: close resets the connection. */
  lingersNot = false
  /** The user was told how connect ended. */
  connectReported = false
  /** shutdown(2) was called for this direction. */
  readShut = false
  writeShut = false
  /** The pending error (sk_err) that no call has taken yet. */
  #error: Errno | undefined
  #failureSeen: Tcb | undefined

  /** `machine` says what goes for all of its sockets. */
  constructor(machine: { readonly sysctls: Sysctls; readonly options: TcpOptionsInit }) {
    this.#machine = machine
    this.sysctls = machine.sysctls
  }

  /** The options for a connection or listener of this socket: the nearest to Linux's that our stack takes. */
  get options(): TcpOptionsInit {
    const keepIdle = this.keepIdle ?? this.sysctls.number('tcp_keepalive_time')
    return nearestTcpOptions({
      ...this.#machine.options,
      ...this.wanted,
      keepAlive: this.keepAlive ? 1000 * keepIdle : false,
      ...(this.userTimeout > 0 ? { userTimeout: this.userTimeout } : {}),
      ...(this.rcvBuf === undefined ? {} : { receiveBuffer: this.rcvBuf }),
    })
  }

  /** Takes over a connection: its own from connect, or one that was accepted. */
  attach(tcb: Tcb): void {
    this.tcb = tcb
    this.space = new SendSpace(tcb, this.sndBuf ?? this.sysctls.number('tcp_wmem', 1))
    const { space } = this
    const nothing = (): void => undefined
    tcb.user = {
      onEstablished: nothing,
      onReadable: nothing,
      onWritable: nothing,
      onClosed: nothing,
      hasRoom: () => space.isWritable,
    }
    this.refresh()
  }

  /** A socket that was accepted has what its listener was told. */
  inherit(listener: KernelSocket): void {
    Object.assign(this.wanted, listener.wanted)
    for (const [option, value] of listener.kept) this.kept.set(option, value)
    this.sndBuf = listener.sndBuf
    this.rcvBuf = listener.rcvBuf
    this.cork = listener.cork
    this.userTimeout = listener.userTimeout
    this.notSentLowAt = listener.notSentLowAt
    this.keepAlive = listener.keepAlive
    this.keepIdle = listener.keepIdle
    this.lingersNot = listener.lingersNot
    this.receiveTimeout = listener.receiveTimeout
    this.sendTimeout = listener.sendTimeout
  }

  /** The connection is nothing to it any more; it may make another. */
  detach(): void {
    this.tcb = undefined
    this.space = undefined
    this.connectReported = false
    this.readShut = false
    this.writeShut = false
    this.#error = undefined
  }

  /** Brings the connection up to what was asked since it began. */
  refresh(): void {
    const { tcb, space, listener } = this
    if (listener !== undefined) listener.settings = resolveTcpOptions(this.options)
    if (tcb === undefined || space === undefined || tcb.isOver) return
    space.notSentLowAt = this.notSentLowAt > 0 ? this.notSentLowAt : this.sysctls.number('tcp_notsent_lowat')
    const before = tcb.settings
    tcb.settings = resolveTcpOptions(this.options)
    const { keepAlive } = tcb.settings
    if (keepAlive !== before.keepAlive) {
      if (keepAlive === 0) tcb.deadlines.stop(Timer.KEEPALIVE)
      else tcb.deadlines.arm(Timer.KEEPALIVE, addMicros(tcb.lastReceived, keepAlive))
      tcb.owner.changed(tcb)
    }
    tcb.noDelay = tcb.settings.noDelay
    tcb.cork = this.cork
    if (this.pushes) release(tcb)
    this.pushes = false
  }

  /** SO_SNDBUF. */
  setSendBuffer(bytes: number): void {
    this.sndBuf = bytes
    if (this.space !== undefined) this.space.limit = bytes
  }

  /** A segment of its connection is on the wire. */
  sent(header: TcpHeader, dataLength: number): void {
    if (dataLength > 0) this.space?.sentTo(seqAdd(header.seq, dataLength))
  }

  /** sk_err: why the connection failed, until some call has told. */
  get error(): Errno | undefined {
    const { tcb } = this
    if (tcb?.failure !== undefined && this.#failureSeen !== tcb) {
      this.#failureSeen = tcb
      this.#error = errorOf(tcb)
    }
    return this.#error
  }

  /** Takes the pending error: the next call does not see it (sock_error). */
  takeError(): Errno | undefined {
    const { error } = this
    this.#error = undefined
    return error
  }

  /** The same as a number, for SO_ERROR; 0 when there is none. */
  takeErrorNumber(): number {
    const error = this.takeError()
    return error === undefined ? 0 : ERRNO[error]
  }

  /** The connection has been made and both sides know it. */
  get isConnected(): boolean {
    const { tcb } = this
    return tcb !== undefined && !tcb.isOver && tcb.state !== 'SYN-SENT' && tcb.state !== 'SYN-RECEIVED'
  }

  get isConnecting(): boolean {
    const { tcb } = this
    return tcb !== undefined && (tcb.state === 'SYN-SENT' || tcb.state === 'SYN-RECEIVED') && !tcb.isUsable
  }

  /** Nothing more will be received: the peer ended its side, or the connection is over. */
  get isReadOver(): boolean {
    const { tcb } = this
    return this.readShut || tcb === undefined || tcb.peerClosed || tcb.isOver
  }

  get isWriteOver(): boolean {
    const { tcb } = this
    return this.writeShut || tcb === undefined || tcb.isOver || tcb.finQueued
  }
}

/** Linux's name for what ended a connection. */
function errorOf(tcb: Tcb): Errno | undefined {
  switch (tcb.failure?.code) {
    case undefined:
      return undefined
    case 'ECONNREFUSED':
      return 'ECONNREFUSED'
    case 'ECONNRESET':
    case 'ECONNABORTED':
      // tcp_reset: after the peer's FIN a reset means that what we write reaches nobody.
      return tcb.peerClosed && !tcb.finQueued ? 'EPIPE' : 'ECONNRESET'
    case 'EHOSTUNREACH':
      return 'EHOSTUNREACH'
    case 'ENETUNREACH':
      return 'ENETUNREACH'
    default:
      return 'ETIMEDOUT'
  }
}
