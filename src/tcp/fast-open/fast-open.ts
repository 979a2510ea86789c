import type { ErrorCode } from '../../base/errors.ts'
import type { Rng } from '../../base/rng.ts'
import { fromMs, type Micros } from '../../base/types.ts'
import { FastOpenCache } from './cache.ts'
import { type FastOpenCookie, FastOpenKeys } from './keys.ts'
import type { FastOpenQueue } from './queue.ts'

/** What a stack does of TCP Fast Open (RFC 7413), for all its connections and listeners. */
export interface FastOpenOptions {
  /** Connections may use it. Default true; each must ask for it. */
  readonly client?: boolean
  /** Listeners may use it. Default true; each must ask for it. */
  readonly server?: boolean
  /** Sends data on the SYN without a cookie: for servers that need none. Default false. */
  readonly clientWithoutCookie?: boolean
  /** Takes data on a SYN without a cookie: only where no stranger can send (RFC 7413 §7.3). Default false. */
  readonly serverWithoutCookie?: boolean
  /** Every listener uses it, with its backlog for a queue length. Default false. */
  readonly everyListener?: boolean
  /** Milliseconds without Fast Open after a connection opened with it went silent, doubled each time; 0 for none. Default 0, as Linux's. */
  readonly blackholeTimeout?: number
  /** The keys of cookies. Default random. */
  readonly keys?: FastOpenKeys
}

/** Bits of Linux's sysctl `tcp_fastopen`. */
const SysctlBit = {
  CLIENT: 0x1,
  SERVER: 0x2,
  CLIENT_WITHOUT_COOKIE: 0x4,
  SERVER_WITHOUT_COOKIE: 0x200,
  EVERY_LISTENER: 0x400,
} as const

/** The options that Linux's sysctl `tcp_fastopen` means by a value. */
export const fastOpenOptionsOf = (bits: number): FastOpenOptions => ({
  client: (bits & SysctlBit.CLIENT) !== 0,
  server: (bits & SysctlBit.SERVER) !== 0,
  clientWithoutCookie: (bits & SysctlBit.CLIENT_WITHOUT_COOKIE) !== 0,
  serverWithoutCookie: (bits & SysctlBit.SERVER_WITHOUT_COOKIE) !== 0,
  everyListener: (bits & SysctlBit.EVERY_LISTENER) !== 0,
})

/** Fast Open of one stack: what is allowed, the server's keys, the client's cookies, and what came of it all. */
export class TcpFastOpen {
  client = true
  server = true
  clientWithoutCookie = false
  serverWithoutCookie = false
  everyListener = false
  keys: FastOpenKeys
  readonly cache = new FastOpenCache()
  readonly stats = {
    /** Data on a SYN of ours that was acknowledged with it, and that was not. */
    active: 0,
    activeFailed: 0,
    /** Connections that a listener opened by a SYN, and invalid cookies. */
    passive: 0,
    passiveFailed: 0,
    /** Cookies made with the backup key. */
    backupKey: 0,
    cookieRequests: 0,
    /** SYNs that met a full queue and went the usual way. */
    overflows: 0,
    blackholes: 0,
  }

  constructor(rng: Rng) {
    this.keys = FastOpenKeys.random(rng)
  }

  /** Changes what is named; it counts from the next SYN on. */
  configure(options: FastOpenOptions): void {
    this.client = options.client ?? this.client
    this.server = options.server ?? this.server
    this.clientWithoutCookie = options.clientWithoutCookie ?? this.clientWithoutCookie
    this.serverWithoutCookie = options.serverWithoutCookie ?? this.serverWithoutCookie
    this.everyListener = options.everyListener ?? this.everyListener
    this.keys = options.keys ?? this.keys
    if (options.blackholeTimeout !== undefined) this.cache.blackholeTimeout = fromMs(options.blackholeTimeout)
  }
}

/** What Fast Open is to one connection, on either side. */
export class FastOpen {
  readonly stack: TcpFastOpen
  /** Goes out with the next SYN or SYN,ACK, and not again: what swallowed it once may do so twice (RFC 7413 §4.1.3.1). */
  option: FastOpenCookie | undefined
  /** Client: the SYN waits for the data that is to ride on it. */
  isHeld = false
  /** Client: the first SYN may carry data. */
  mayCarryData = false
  /** Client: the SYN had the option, so a cookie in the answer is wanted; and it was the older option. */
  asked: 'no' | 'standard' | 'experimental' = 'no'
  /** Octets of data on the SYN. */
  synData = 0
  /** Client: more than one SYN was sent. */
  wasRepeated = false
  /** The data of the SYN was acknowledged with it: by the peer, or by us. */
  isDataAcked = false
  /** Server: the connection may be used in SYN-RECEIVED (RFC 7413 §4.2). */
  isOpen = false
  /** Server: where the connection counts until its handshake ends. */
  queue: FastOpenQueue | undefined = undefined

  constructor(stack: TcpFastOpen, option: FastOpenCookie | undefined) {
    this.stack = stack
    this.option = option
  }

  /** The option for the SYN that goes out now. */
  takeOption(): FastOpenCookie | undefined {
    const { option } = this
    this.option = undefined
    return option
  }

  /** Server: the handshake is complete, so that it does not count any more. */
  confirmed(now: Micros): void {
    this.queue?.leave(false, now)
    this.queue = undefined
  }

  /** The connection has ended, with an error or without; a reset keeps its place in the queue for a while. */
  ended(failure: ErrorCode | undefined, now: Micros): void {
    if (this.queue === undefined && this.isDataAcked && failure === undefined) this.stack.cache.worked()
    this.queue?.leave(failure === 'ECONNRESET', now)
    this.queue = undefined
  }
}
