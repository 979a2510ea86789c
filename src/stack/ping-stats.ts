/** What a ping has seen so far; times in microseconds. */
export interface PingSummary {
  readonly sent: number
  /** Sequence numbers that were answered, duplicates and corrupt replies not counted. */
  readonly received: number
  readonly duplicates: number
  readonly corrupt: number
  /** ICMP errors and local failures. */
  readonly errors: number
  /** 0 to 1. */
  readonly loss: number
  /** Zero while nothing was received. */
  readonly minUs: number
  readonly avgUs: number
  readonly maxUs: number
  /** The standard deviation, which `ping` calls mdev. */
  readonly mdevUs: number
}

/** Counts and times of a ping, summed as replies come. */
export class PingStats {
  sent = 0
  received = 0
  duplicates = 0
  corrupt = 0
  errors = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0
  #sum = 0
  #squares = 0

  addReply(rttUs: number): void {
    this.received++
    this.#min = Math.min(this.#min, rttUs)
    this.#max = Math.max(this.#max, rttUs)
    this.#sum += rttUs
    this.#squares += rttUs * rttUs
  }

  summary(): PingSummary {
    const { sent, received, duplicates, corrupt, errors } = this
    const avgUs = received === 0 ? 0 : this.#sum / received
    const variance = received === 0 ? 0 : this.#squares / received - avgUs * avgUs
    return {
      sent,
      received,
      duplicates,
      corrupt,
      errors,
      loss: sent === 0 ? 0 : (sent - received) / sent,
      minUs: received === 0 ? 0 : this.#min,
      avgUs,
      maxUs: this.#max,
      mdevUs: Math.sqrt(Math.max(0, variance)),
    }
  }
}
