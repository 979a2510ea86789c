import type { Micros } from '../../base/types.ts'
import { SENT_TIMES } from '../limits.ts'
import { lose, type SentRecord } from '../records/carried.ts'

/** So many that are done with stand before the others at most. */
const MOST_DONE = 256

/** The records that went out on a path and have no acknowledgement, and when each of the last was sent. */
export class SentRecords {
  /** Octets of those that ask for an acknowledgement. */
  octets = 0
  readonly #records: SentRecord[] = []
  #head = 0
  readonly #times = new Float64Array(SENT_TIMES)
  #count = 0
  /** Up to which of them round trips were measured. */
  #timed = 0

  /** How many were ever sent. */
  get count(): number {
    return this.#count
  }

  /** One goes out; its number. */
  next(now: Micros): number {
    this.#times[this.#count % SENT_TIMES] = now
    return this.#count++
  }

  /** It asks for an acknowledgement. */
  push(record: SentRecord): void {
    this.octets += record.octets
    for (const item of record.items) item.copies++
    this.#records.push(record)
  }

  /** The peer has the first `count`: tells what they carried, and says which is the newest that is news. */
  acknowledge(count: number): SentRecord | undefined {
    const records = this.#records
    let newest: SentRecord | undefined
    while (this.#head < records.length && records[this.#head]!.number < count) {
      newest = records[this.#head]!
      records[this.#head++] = DONE
      this.octets -= newest.octets
      for (const item of newest.items) item.onAcked()
    }
    this.#compact()
    return newest
  }

  /** How long ago the last of the first `count` was sent, the first time that this is asked of it. */
  roundTrip(count: number, now: Micros): number | undefined {
    if (count <= this.#timed || this.#count - count >= SENT_TIMES) return undefined
    this.#timed = count
    return now - this.#times[(count - 1) % SENT_TIMES]!
  }

  /** No round trip of those that went out until now is told: silence was part of it. */
  distrustTimes(): void {
    this.#timed = this.#count
  }

  /** The first record of which this is true, of those that were not given up. */
  find(test: (record: SentRecord) => boolean): SentRecord | undefined {
    for (let i = this.#head; i < this.#records.length; i++) {
      const record = this.#records[i]!
      if (!record.isGivenUp && test(record)) return record
    }
    return undefined
  }

  /** Those that went out at `now` were all that there was. */
  limit(now: Micros): void {
    for (let i = this.#records.length - 1; i >= this.#head; i--) {
      const record = this.#records[i]!
      if (record.sentAt !== now) return
      record.isAppLimited = true
    }
  }

  /** All of them may be lost. */
  giveUp(): void {
    for (let i = this.#head; i < this.#records.length; i++) {
      const record = this.#records[i]!
      if (record.isGivenUp) continue
      record.isGivenUp = true
      for (const item of record.items) lose(item)
    }
  }

  #compact(): void {
    if (this.#head === this.#records.length) this.#records.length = 0
    else if (this.#head > MOST_DONE) this.#records.splice(0, this.#head)
    else return
    this.#head = 0
  }
}

const DONE: SentRecord = {
  number: 0,
  octets: 0,
  sentAt: 0 as Micros,
  delivered: 0,
  deliveredAt: 0 as Micros,
  firstSentAt: 0 as Micros,
  isAppLimited: true,
  items: [],
  isGivenUp: true,
}
