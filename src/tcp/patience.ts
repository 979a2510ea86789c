import { addMicros, type Micros, micros } from '../base/types.ts'
import type { TcpSettings } from './settings.ts'

/** The first timeout of a SYN (RFC 6298 §2.1); it doubles with each retransmission. */
const FIRST_TIMEOUT = 1_000_000
/** RFC 5482 §3.1: bounds of what a peer can make of our user timeout; the lower one is R2 of RFC 1122 §4.2.3.5. */
const L_LIMIT = 100_000_000
const U_LIMIT = 86_400_000_000
/** RFC 5482 §2: 15 bits of seconds, or of minutes with the bit above them. */
const MAX_VALUE = 0x7fff
const IN_MINUTES = 0x8000
const SECOND = 1_000_000
const MINUTE = 60_000_000

// How long a connection bears silence: R2 of RFC 9293 §3.8.3 as times, and the user timeout of RFC 5482.

/** What the two ends told each other with RFC 5482's option. */
export class ToldTimeouts {
  /** REMOTE_UTO (RFC 5482 §3.1): what the peer says of its own. */
  remote: Micros | undefined = undefined
  /** The peer knows ours. */
  isTold = false
}

/** A connection, as far as its patience goes. */
interface Patient {
  readonly settings: TcpSettings
  timeouts: ToldTimeouts | undefined
}

/** USER_TIMEOUT (RFC 5482 §3.1): the user's own choice, else what both ends can bear. */
export function userTimeout({ settings, timeouts }: Patient): Micros {
  const own = settings.userTimeout
  if (timeouts?.remote === undefined || settings.isUserTimeoutChosen) return own
  return micros(Math.min(U_LIMIT, Math.max(own, timeouts.remote, L_LIMIT)))
}

/** Until when a SYN or SYN,ACK that was first sent at `openedAt` is repeated. */
export function handshakeEnds(settings: TcpSettings, openedAt: Micros, isPassive: boolean): Micros {
  if (isPassive) return addMicros(openedAt, timeFor(settings.synAckRetries))
  return addMicros(openedAt, Math.min(settings.connectTimeout, timeFor(settings.synRetries)))
}

/** The option for a segment that goes out, as its 16 bits; -1 for none. The SYN has it, and the first segment without data. */
export function userTimeoutOption(tcb: Patient, isSyn: boolean): number {
  if (!tcb.settings.userTimeoutOption || tcb.timeouts?.isTold) return -1
  told(tcb).isTold = !isSyn
  const { userTimeout: own } = tcb.settings
  const seconds = Math.ceil(own / SECOND)
  return seconds <= MAX_VALUE ? seconds : IN_MINUTES | Math.min(MAX_VALUE, Math.ceil(own / MINUTE))
}

/** The peer's option arrived. RFC 5482 §3.4: zero is reserved, and says nothing. */
export function hearUserTimeout(tcb: Patient, option: number): void {
  const value = option & MAX_VALUE
  if (!tcb.settings.userTimeoutOption || value === 0) return
  told(tcb).remote = micros(value * (option & IN_MINUTES ? MINUTE : SECOND))
}

function told(tcb: Patient): ToldTimeouts {
  tcb.timeouts ??= new ToldTimeouts()
  return tcb.timeouts
}

/** What a number of retransmissions takes, the wait after the last included. */
const timeFor = (retries: number): number => (2 ** (retries + 1) - 1) * FIRST_TIMEOUT
