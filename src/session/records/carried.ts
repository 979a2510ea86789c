import type { Micros } from '../../base/types.ts'
import type { RecordWriter } from './record-writer.ts'

/** Something a record carries that must arrive, or be obsolete: told when its record arrived, or may be lost with its path. */
export interface Carried {
  /** Octets it takes in a record, about. */
  readonly octets: number
  /** It has arrived on another way, or nobody wants it any more: it need not be sent again. */
  readonly isSettled: boolean
  /** On how many paths it is under way, or about to be. */
  copies: number
  write(writer: RecordWriter, now: Micros): void
  onAcked(): void
  /** No path has it any more. */
  onLost(): void
}

/** A path has it no more: when it was the last, it is lost. */
export function lose(item: Carried): void {
  if (--item.copies <= 0) item.onLost()
}

/** A record on its way, as its sender remembers it. */
export interface SentRecord {
  readonly number: number
  readonly octets: number
  readonly sentAt: Micros
  /**
   * What the path had delivered when it was sent, when it had done so, and when the newest record of that was sent: its
   * acknowledgement makes a sample of the rate.
   */
  readonly delivered: number
  readonly deliveredAt: Micros
  readonly firstSentAt: Micros
  /** There was less to send than the path could take: the sample says little about the path. */
  isAppLimited: boolean
  readonly items: readonly Carried[]
  /** Its items were told that they may be lost. */
  isGivenUp: boolean
}
