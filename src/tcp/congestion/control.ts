import type { Seq } from '../../base/seq.ts'
import { type Micros, micros } from '../../base/types.ts'

/** The congestion controllers there are. */
export const CONGESTION_CONTROLS = ['cubic', 'newreno', 'bbr'] as const
export type CongestionName = (typeof CONGESTION_CONTROLS)[number]

/** What ends the first slow start before a loss does. */
export const SLOW_START_EXITS = ['hystart++', 'hystart'] as const
export type SlowStartExitName = (typeof SLOW_START_EXITS)[number]

/** What one ACK brought, in octets and microseconds. One object is filled again for each: nothing of it may be kept. */
export class AckSample {
  now = micros(0)
  /** Octets newly acknowledged. */
  acked = 0
  /** Octets newly known to have left the network: acknowledged or sacked. */
  delivered = 0
  /** The round trip that it measures; -1 where it measures none. */
  rtt = micros(-1)
  /** The least there has been. */
  minRtt = micros(0)
  mss = 0
  /** SND.UNA and SND.NXT, which tell one round trip from the next. */
  una = 0 as Seq
  nxt = 0 as Seq
  /** Octets in flight now, and the window they are bounded by; whether that bound was what held back more. */
  inFlight = 0
  cwnd = 0
  isCwndLimited = false
  /** The smoothed round trip; 0 before the first. */
  srtt = 0
  /** The most that goes out in one frame. */
  quantum = 0
  /** Octets delivered in all. */
  totalDelivered = 0
  /** Octets newly found lost. */
  lost = 0
  /**
   * The delivery rate, in octets per microsecond, 0 where there is none or nobody wants it: what was delivered since the
   * newest range that the ACK delivers was sent, how much had been before, how much was in flight then, and lost since.
   */
  rate = 0
  rateDelivered = 0
  priorDelivered = -1
  sentInFlight = 0
  lostSince = 0
  /** It shows only how much the user had to send. */
  isAppLimited = false
  /** The window was in use, nothing was just lost: a window that grows by ACKs may grow. */
  mayGrow = false
}

/** What a controller that models the path believes of it: octets per microsecond, microseconds, and its gains. */
export interface PathModel {
  readonly bandwidth: number
  readonly minRtt: number
  readonly pacingGain: number
  readonly cwndGain: number
}

/**
 * How much may be in the network: a congestion controller decides only the
 * window. What is lost is decided elsewhere and told to it.
 * All quantities are octets.
 */
export interface CongestionControl {
  readonly name: CongestionName
  cwnd: number
  ssthresh: number
  /** It bounds what goes out in recovery by its own window, which proportional rate reduction does for others. */
  readonly ownsRecovery: boolean
  /** It sends less than it believes the path to take: what is delivered meanwhile says nothing of the path. */
  readonly holdsBack: boolean
  /** It goes by the delivery rate: that is measured, and the sample has it. */
  readonly wantsRate: boolean
  /** How fast to send, in octets per microsecond; undefined leaves it to the ACKs. */
  readonly pacingRate: number | undefined
  /** What it believes of the path; undefined where it believes nothing, or does not know yet. */
  readonly path: PathModel | undefined
  /** An ACK brought something new. */
  onAck(sample: AckSample): void
  /** A loss was found; `flight` is FlightSize (RFC 5681 §2). Once for each window of data, marks included. */
  onCongestion(flight: number, mss: number): void
  /** A router marked a packet instead of dropping it (RFC 3168 §6.1.2). */
  onMark(flight: number, mss: number): void
  /** Everything that was outstanding at the loss has been acknowledged. */
  onRecovered(flight: number, mss: number): void
  /** The retransmission timer expired; `first` unless it is a repetition for the same octets. */
  onTimeout(flight: number, mss: number, first: boolean): void
  /** Nothing was lost after all: the window is again what it was before the last `onCongestion` or first `onTimeout`. */
  onUndo(): void
  /** Data follows after `idle` in which nothing was in flight; the window may go down to `restart` (RFC 5681 §4.1). */
  onRestart(idle: Micros, rto: Micros, restart: number, now: Micros): void
}
