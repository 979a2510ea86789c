import type { Ipv4Addr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { fromMs, type Micros } from '../base/types.ts'
import { DEFAULT_TTL } from '../ip/output.ts'
import { ECN_MASK } from '../wire/ipv4.ts'
import {
  CONGESTION_CONTROLS,
  type CongestionName,
  SLOW_START_EXITS,
  type SlowStartExitName,
} from './congestion/control.ts'
import type { EcnMode } from './ecn.ts'
import type { MtuProbing } from './path/path-probe.ts'

const NO_LIMIT = Number.POSITIVE_INFINITY

/** What a program may choose for a connection or a listener. Times are milliseconds, sizes are bytes. */
export interface TcpOptionsInit {
  /** Sends small segments at once instead of gathering them (Nagle, RFC 9293 §3.7.4). Default false. */
  readonly noDelay?: boolean
  /** Idle time before the first keep-alive probe; false for none (RFC 9293 §3.8.4). Default false. */
  readonly keepAlive?: number | false
  /** Between keep-alive probes. Default 75,000. */
  readonly keepAliveInterval?: number
  /** Probes without an answer that end the connection, where no `userTimeout` was chosen, which then does. Default 9. */
  readonly keepAliveProbes?: number
  /**
   * How long data may stay unacknowledged before the connection ends with ETIMEDOUT (RFC 5482). Whoever chooses it is
   * given up on as well when the peer keeps its window closed, or answers no keep-alive probes, for so long. Default
   * 900,000, as long as Linux's.
   */
  readonly userTimeout?: number
  /**
   * Tells the peer our user timeout, and follows the peer's where ours was not chosen: the longer one counts, so that
   * neither gives up before the other (RFC 5482 §3.1). Default false.
   */
  readonly userTimeoutOption?: boolean
  /** Retransmissions of the same data that end the connection, beside `userTimeout`. Default: no number of them does. */
  readonly retries?: number
  /** How long to go on sending SYN. Default 180,000 (RFC 9293 MUST-23 asks for three minutes). */
  readonly connectTimeout?: number
  /** Retransmissions of a SYN, beside `connectTimeout`. Default: no number of them ends the attempt. */
  readonly synRetries?: number
  /** Retransmissions of a SYN,ACK before a listener forgets the peer. Default 5, as Linux's. */
  readonly synAckRetries?: number
  /**
   * How long a closed connection may take to deliver what was written; then, or at once for 0, it is reset. Default
   * false: as long as `userTimeout`.
   */
  readonly linger?: number | false
  /** The most a write may leave in the send buffer. Default 4 MiB. */
  readonly sendBuffer?: number
  /**
   * The most bytes of a write that may wait unsent: more is taken only as they leave, so that what a program decides to
   * say is as fresh as can be (Linux's TCP_NOTSENT_LOWAT); a segment may always wait. Default: as many as the send
   * buffer holds.
   */
  readonly notSentLowat?: number
  /** The most that is buffered for reading; the receive window grows up to it. Default 4 MiB. */
  readonly receiveBuffer?: number
  /** How long an ACK may wait for data to ride on (RFC 9293 MUST-40: below 500). Default 40. */
  readonly delayedAck?: number
  /** ACKs that go at once as data begins to flow, and after a pause, so that the peer's window opens quickly. Default 16, as Linux's. */
  readonly quickAcks?: number
  /** How long TIME-WAIT lasts at least, twice the maximum segment lifetime, and up to 1/64 more. Default 60,000. */
  readonly timeWait?: number
  /** Whether a reset ends TIME-WAIT (RFC 9293 §3.10.7.4); without, old segments cannot do harm so (RFC 1337 §3). Default true. */
  readonly resetEndsTimeWait?: boolean
  /** Announces a smaller maximum segment size than the link would allow. */
  readonly maxSegment?: number
  /**
   * Whether the connection finds out itself how large a packet its path carries (RFC 4821, RFC 8899), where routers that
   * should say so are silent: `blackhole` once large packets seem to vanish, `always` from the beginning. Default `blackhole`.
   */
  readonly mtuProbing?: MtuProbing
  /** The segment size that every path is trusted with, from which the search begins. Default 1024, as Linux's. */
  readonly baseMss?: number
  /** The fewest segments that one super-segment gathers, however slow the connection, when they are there to be sent. Default 2. */
  readonly minBurst?: number
  /** The most; 1 sends no super-segments. Default 65,535, which leaves it to the rate. */
  readonly maxBurst?: number
  /** Offers timestamps (RFC 7323 §3). Default true. */
  readonly timestamps?: boolean
  /** Offers to scale windows (RFC 7323 §2). Default true. */
  readonly windowScale?: boolean
  /** Offers selective acknowledgments (RFC 2018). Default true. */
  readonly sack?: boolean
  /**
   * Explicit congestion notification (RFC 3168): `accept` uses it where the peer asks for it, `request` asks as well.
   * Default `accept`, as Linux does.
   */
  readonly ecn?: EcnMode
  /** How the network's share is found: `cubic` (RFC 9438), `newreno` (RFC 5681, 6582) or `bbr` (draft-ietf-ccwg-bbr). Default `cubic`. */
  readonly congestion?: CongestionName
  /**
   * What ends CUBIC's first slow start before a loss does: `hystart++` (RFC 9406), which slows down at the first longer
   * round trips and looks again, or `hystart`, which stops at once, as Linux does. Default `hystart++`.
   */
  readonly slowStartExit?: SlowStartExitName
  /** Spreads what is sent evenly over each round trip instead of sending as ACKs arrive; BBR does so always. Default false. */
  readonly pacing?: boolean
  /** Segments that a connection may begin with. Default 10, or fewer where they are large (RFC 6928). */
  readonly initialWindow?: number
  /** Lets the window shrink towards the initial one while nothing is sent (RFC 5681 §4.1). Default true. */
  readonly slowStartAfterIdle?: boolean
  /** Finds losses by time of sending (RFC 8985), else by how much was sacked beyond them (RFC 6675). Default true. */
  readonly rack?: boolean
  /** Probes for a lost tail of a flight before the retransmission timer (RFC 8985 §7). Default true. */
  readonly tailLossProbe?: boolean
  /** Finds out whether a retransmission timeout came too early (RFC 5682). Default true. */
  readonly frto?: boolean
  /** Tells the peer of segments that arrive twice (RFC 2883). Default true. */
  readonly dsack?: boolean
  /**
   * Probes a closed window with a segment of no data that lies before it, as Linux does, instead of one octet of new
   * data (RFC 9293 §3.8.6.1). Default false.
   */
  readonly emptyProbes?: boolean
  /** Segments that may overtake another before it counts as lost, until the path shows otherwise. Default 3. */
  readonly reordering?: number
  /** IPv4 time to live. Default 64. */
  readonly ttl?: number
  /** The differentiated-services byte; its two low bits are congestion control's own. Default 0. */
  readonly tos?: number
}

/** What a program may choose for a connection it opens, besides. */
export interface ConnectOptions {
  /** Our end: an address of this stack, and a free port. By default those that fit. */
  readonly local?: Ipv4Addr
  readonly localPort?: number
  /**
   * TCP Fast Open (RFC 7413): once a cookie for the server is known, the SYN waits for the first data and carries it. The
   * server's program may then see that data twice, so only a request that may be repeated should go this way. Default false.
   */
  readonly fastOpen?: boolean
}

/** TcpOptionsInit, checked, with every default filled in and times in microseconds. */
export interface TcpSettings {
  readonly noDelay: boolean
  readonly keepAlive: Micros | 0
  readonly keepAliveInterval: Micros
  readonly keepAliveProbes: number
  readonly userTimeout: Micros
  readonly isUserTimeoutChosen: boolean
  readonly userTimeoutOption: boolean
  readonly retries: number
  readonly connectTimeout: Micros
  readonly synRetries: number
  readonly synAckRetries: number
  readonly linger: Micros | false
  readonly sendBuffer: number
  readonly notSentLowat: number
  readonly receiveBuffer: number
  readonly delayedAck: Micros
  readonly quickAcks: number
  readonly timeWait: Micros
  readonly resetEndsTimeWait: boolean
  readonly maxSegment: number
  readonly mtuProbing: MtuProbing
  readonly baseMss: number
  readonly minBurst: number
  readonly maxBurst: number
  readonly timestamps: boolean
  readonly windowScale: boolean
  readonly sack: boolean
  readonly ecn: EcnMode
  readonly congestion: CongestionName
  readonly slowStartExit: SlowStartExitName
  readonly pacing: boolean
  /** Undefined leaves it to RFC 6928. */
  readonly initialWindow: number | undefined
  readonly slowStartAfterIdle: boolean
  readonly rack: boolean
  readonly tailLossProbe: boolean
  readonly frto: boolean
  readonly dsack: boolean
  readonly emptyProbes: boolean
  readonly reordering: number
  readonly ttl: number
  readonly tos: number
}

const DAY = 86_400_000

/** What a number may be: its default, the least and the most. */
type Range = readonly [usual: number, low: number, high: number]

/** Milliseconds. */
const TIMES = {
  keepAlive: [0, 0, DAY],
  keepAliveInterval: [75_000, 1, DAY],
  userTimeout: [900_000, 1, DAY],
  connectTimeout: [180_000, 1, DAY],
  linger: [0, 0, DAY],
  delayedAck: [40, 0, 500],
  timeWait: [60_000, 0, 480_000],
} satisfies { readonly [name in keyof TcpOptionsInit]?: Range }

/** Octets, segments and the like: whole numbers. */
const COUNTS = {
  keepAliveProbes: [9, 1, 255],
  retries: [255, 0, 255],
  synRetries: [255, 0, 255],
  synAckRetries: [5, 0, 255],
  sendBuffer: [4 * 1024 * 1024, 2048, 1 << 30],
  notSentLowat: [1 << 30, 1, 1 << 30],
  receiveBuffer: [4 * 1024 * 1024, 2048, 1 << 30],
  quickAcks: [16, 0, 255],
  maxSegment: [65_495, 88, 65_495],
  baseMss: [1024, 88, 65_495],
  minBurst: [2, 1, 65_535],
  maxBurst: [65_535, 1, 65_535],
  initialWindow: [10, 1, 65_535],
  reordering: [3, 1, 300],
  ttl: [DEFAULT_TTL, 1, 255],
  tos: [0, 0, 255],
} satisfies { readonly [name in keyof TcpOptionsInit]?: Range }

/** Fills in the defaults. Throws a RangeError that names the option, its limits and the value given. */
export function resolveTcpOptions(init: TcpOptionsInit = {}): TcpSettings {
  const time = (name: keyof typeof TIMES): Micros => fromMs(within(name, init[name], TIMES[name]))
  const count = (name: keyof typeof COUNTS): number => {
    const value = within(name, init[name], COUNTS[name])
    if (!Number.isInteger(value)) throw rangeError(`Cannot use ${name} ${value}: it must be a whole number`)
    return value
  }
  return {
    noDelay: init.noDelay ?? false,
    keepAlive: init.keepAlive ? time('keepAlive') : 0,
    keepAliveInterval: time('keepAliveInterval'),
    keepAliveProbes: count('keepAliveProbes'),
    userTimeout: time('userTimeout'),
    isUserTimeoutChosen: init.userTimeout !== undefined,
    userTimeoutOption: init.userTimeoutOption ?? false,
    retries: count('retries'),
    connectTimeout: time('connectTimeout'),
    synRetries: count('synRetries'),
    synAckRetries: count('synAckRetries'),
    linger: (init.linger ?? false) === false ? false : time('linger'),
    sendBuffer: count('sendBuffer'),
    notSentLowat: init.notSentLowat === undefined ? NO_LIMIT : count('notSentLowat'),
    receiveBuffer: count('receiveBuffer'),
    delayedAck: time('delayedAck'),
    quickAcks: count('quickAcks'),
    timeWait: time('timeWait'),
    resetEndsTimeWait: init.resetEndsTimeWait ?? true,
    maxSegment: count('maxSegment'),
    mtuProbing: oneOf('mtuProbing', init.mtuProbing, ['blackhole', 'always', 'off']),
    baseMss: count('baseMss'),
    minBurst: count('minBurst'),
    maxBurst: count('maxBurst'),
    timestamps: init.timestamps ?? true,
    windowScale: init.windowScale ?? true,
    sack: init.sack ?? true,
    ecn: oneOf('ecn', init.ecn, ['accept', 'off', 'request']),
    congestion: oneOf('congestion', init.congestion, CONGESTION_CONTROLS),
    slowStartExit: oneOf('slowStartExit', init.slowStartExit, SLOW_START_EXITS),
    pacing: init.pacing ?? false,
    initialWindow: init.initialWindow === undefined ? undefined : count('initialWindow'),
    slowStartAfterIdle: init.slowStartAfterIdle ?? true,
    rack: init.rack ?? true,
    tailLossProbe: init.tailLossProbe ?? true,
    frto: init.frto ?? true,
    dsack: init.dsack ?? true,
    emptyProbes: init.emptyProbes ?? false,
    reordering: count('reordering'),
    ttl: count('ttl'),
    tos: count('tos') & ~ECN_MASK,
  }
}

/** Connections that are opened one after another with the same options share their settings. */
export class SharedSettings {
  #settings = resolveTcpOptions()
  readonly #names: ReadonlySet<string> = new Set(Object.keys(this.#settings))
  /** What was chosen for them. */
  #chosen: TcpOptionsInit = {}
  #count = 0

  /** As `resolveTcpOptions`, of what `init` has itself. */
  of(init: TcpOptionsInit): TcpSettings {
    if (this.#isLatest(init)) return this.#settings
    const choices = Object.entries(init).filter(([name, value]) => value !== undefined && this.#names.has(name))
    // Only what is compared: the rest may be a signal, and what hangs on it.
    const chosen: TcpOptionsInit = Object.fromEntries(choices)
    this.#settings = resolveTcpOptions(chosen)
    this.#chosen = chosen
    this.#count = choices.length
    return this.#settings
  }

  /** Looks at the few that are chosen rather than at all that may be: this is asked for each connection. */
  #isLatest(init: TcpOptionsInit): boolean {
    let count = 0
    for (const name of Object.keys(init) as (keyof TcpOptionsInit)[]) {
      if (init[name] === undefined || !this.#names.has(name)) continue
      if (init[name] !== this.#chosen[name]) return false
      count++
    }
    return count === this.#count
  }
}

/** The nearest to `init` that `resolveTcpOptions` takes, for whoever hands on what another system allows; NaN is the default. */
export function nearestTcpOptions(init: TcpOptionsInit): TcpOptionsInit {
  const nearest: Record<string, unknown> = { ...init }
  for (const ranges of [TIMES, COUNTS]) {
    for (const [name, [usual, low, high]] of Object.entries<Range>(ranges)) {
      const value = nearest[name]
      if (typeof value !== 'number') continue
      const inside = Number.isNaN(value) ? usual : Math.min(high, Math.max(low, value))
      nearest[name] = ranges === COUNTS ? Math.round(inside) : inside
    }
  }
  return nearest
}

function within(name: keyof TcpOptionsInit, value: unknown, [usual, low, high]: Range): number {
  const chosen = value ?? usual
  if (typeof chosen === 'number' && chosen >= low && chosen <= high) return chosen
  throw rangeError(`Cannot use ${name} ${String(chosen)}: it must be from ${low} to ${high}`)
}

/** The first of `choices` where nothing was chosen. */
function oneOf<T extends string>(name: keyof TcpOptionsInit, value: T | undefined, choices: readonly [T, ...T[]]): T {
  const chosen = value ?? choices[0]
  if (choices.includes(chosen)) return chosen
  throw rangeError(`Cannot use ${name} ${chosen}: it must be one of ${choices.join(', ')}`)
}
