import { addMicros, type Micros, NEVER } from '../../base/types.ts'
import { ACK_DELAY, ACK_EVERY } from '../limits.ts'
import type { RecordWriter } from '../records/record-writer.ts'

/** The records that came on a path, and what of them is still to be acknowledged. */
export class ReceivedRecords {
  /** How many came. */
  count = 0
  /** Up to the last that asks for an acknowledgement. */
  #lastAsking = 0
  #lastAt: Micros = 0 as Micros
  /** Octets since the last acknowledgement, and when that is due. */
  #unacked = 0
  #ackAt: Micros = NEVER
  /** The record that is coming wants its acknowledgement at once, and on this very path. */
  #isUrgent = false
  #isOwedHere = false
  /** What was last said on any path, and on this one. */
  #acked = 0
  #ackedHere = 0
  #ackedHereAt: Micros = 0 as Micros

  onRecord(octets: number, isAsking: boolean, now: Micros): void {
    this.count++
    this.#lastAt = now
    if (!isAsking) return
    this.#lastAsking = this.count
    this.#unacked += octets
    this.#isOwedHere ||= this.#isUrgent
    if (this.#isUrgent || this.#unacked >= ACK_EVERY) this.#ackAt = now
    else if (this.#ackAt === NEVER) this.#ackAt = addMicros(now, ACK_DELAY)
    this.#isUrgent = false
  }

  /** The peer wants to know at once, of the record that is coming. */
  askAck(): void {
    this.#isUrgent = true
  }

  /** When an acknowledgement is due, on whatever path. */
  get ackAt(): Micros {
    return this.#ackAt
  }

  /** When one should go on this very path: once in half a round trip, so that nobody takes it for dead for another's sake. */
  ackHereAt(roundTrip: number): Micros {
    if (this.#lastAsking <= this.#ackedHere) return NEVER
    return this.#isOwedHere ? this.#lastAt : addMicros(this.#ackedHereAt, Math.ceil(roundTrip / 2))
  }

  /** Puts the acknowledgement of what came on path `id` in a record, of that path (`isHere`) or of another, when there is news. */
  writeAck(writer: RecordWriter, id: number, isHere: boolean, now: Micros): void {
    if (this.#lastAsking <= (isHere ? this.#ackedHere : this.#acked)) return
    writer.ack(id, this.count, now - this.#lastAt)
    this.#acked = this.count
    this.#unacked = 0
    this.#ackAt = NEVER
    if (!isHere) return
    this.#ackedHere = this.count
    this.#ackedHereAt = now
    this.#isOwedHere = false
  }
}
