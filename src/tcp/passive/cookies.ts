import { type Seq, seq, seqToU32 } from '../../base/seq.ts'
import { type SipKey, sipHash } from '../../base/siphash.ts'
import type { Micros } from '../../base/types.ts'
import { addressWords, type FourTuple, ports } from '../iss.ts'

// A SYN cookie is an initial sequence number from which the handshake can be
// finished without having remembered the SYN (RFC 4987 §3.6):
//
//   31      27 26    24 23                                  0
//  +----------+--------+-------------------------------------+
//  | t mod 32 |  mss   |  keyed hash of ends, peer ISN, t     |
//  +----------+--------+-------------------------------------+
//
// Where the peer uses timestamps, the low bits of ours carry what else it offered, as Linux's do:
//
//   31                              6    5     4    3          0
//  +---------------------------------+-----+------+-------------+
//  |       the timestamp clock       | ECN | SACK | window scale|   15: none
//  +---------------------------------+-----+------+-------------+

/** One period, and how many back a cookie is believed. */
const PERIOD = 64_000_000
const MAX_AGE = 2
/** MSS values that three bits can name. */
const MSS_TABLE = [216, 536, 1200, 1360, 1400, 1440, 1460, 8960]
const HASH_MASK = 0xffffff
const TS_BITS = 6
const NO_SCALE = 15

const SACK_BIT = 1 << 4
const ECN_BIT = 1 << 5

/** What a cookie brings back. */
export interface CookieContents {
  readonly mss: number
}

/** What the timestamp beside a cookie brings back. */
export interface CookieOffer {
  /** The shift; -1 for none. */
  readonly windowScale: number
  readonly sackPermitted: boolean
  readonly ecn: boolean
}

/** What a SYN without timestamps comes down to. */
export const NO_OFFER: CookieOffer = { windowScale: -1, sackPermitted: false, ecn: false }

/** How long after a cookie went out it may come back, at most. */
export const COOKIE_LIFETIME = (MAX_AGE + 1) * PERIOD

const periodOf = (now: Micros): number => Math.floor(now / PERIOD)

function hashOf(key: SipKey, ends: FourTuple, peerIss: Seq, period: number, index: number): number {
  const words = [...addressWords(ends.local), ...addressWords(ends.remote), ports(ends), peerIss, period, index]
  return sipHash(key, words) & HASH_MASK
}

/** The ISN that answers a SYN with `peerIss`. The MSS is rounded down to one of eight. */
export function makeCookie(key: SipKey, ends: FourTuple, peerIss: Seq, mss: number, now: Micros): Seq {
  let index = MSS_TABLE.length - 1
  while (index > 0 && MSS_TABLE[index]! > mss) index--
  const period = periodOf(now)
  return seq(((period & 31) << 27) | (index << 24) | hashOf(key, ends, peerIss, period, index))
}

/** The contents, if `cookie` is one that we made for these ends lately. */
export function readCookie(
  key: SipKey,
  ends: FourTuple,
  peerIss: Seq,
  cookie: Seq,
  now: Micros,
): CookieContents | undefined {
  const value = seqToU32(cookie)
  const age = (periodOf(now) - (value >>> 27)) & 31
  if (age > MAX_AGE) return undefined
  const index = (value >>> 24) & 7
  if (hashOf(key, ends, peerIss, periodOf(now) - age, index) !== (value & HASH_MASK)) return undefined
  return { mss: MSS_TABLE[index]! }
}

/** Puts the offer into the low bits of a timestamp, never later than the clock itself. */
export function stampOffer(tsval: number, { windowScale, sackPermitted, ecn }: CookieOffer): number {
  const bits = (windowScale < 0 ? NO_SCALE : windowScale) | (sackPermitted ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0)
  const stamped = ((tsval >>> TS_BITS) << TS_BITS) | bits
  return (((stamped - tsval) | 0) > 0 ? stamped - (1 << TS_BITS) : stamped) >>> 0
}

/** Reads the offer out of the echo of such a timestamp. */
export function readOffer(tsecr: number): CookieOffer {
  const scale = tsecr & 15
  return {
    windowScale: scale === NO_SCALE ? -1 : scale,
    sackPermitted: (tsecr & SACK_BIT) !== 0,
    ecn: (tsecr & ECN_BIT) !== 0,
  }
}
