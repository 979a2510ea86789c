/**
 * Proportional rate reduction, RFC 6937 §3: while the window is being reduced
 * each ACK lets out a share of what it says was delivered, so that the flight
 * shrinks evenly over one round trip and the ACK clock never stops.
 */
export class ProportionalRateReduction {
  /** RecoverFS, prr_delivered and prr_out of §3.1. */
  readonly #recoverFs: number
  #delivered = 0
  #out = 0
  /** What may be in flight now. */
  window = 0

  /** A reduction begins with `flight` octets outstanding. */
  constructor(flight: number) {
    this.#recoverFs = Math.max(1, flight)
  }

  /**
   * An ACK shows that `delivered` octets have left the network, which still holds `pipe`; `isGood` when it moves SND.UNA
   * and shows no new loss.
   */
  onAck(delivered: number, pipe: number, ssthresh: number, mss: number, isGood: boolean): void {
    if (delivered <= 0) return
    this.#delivered += delivered
    let allowed: number
    if (pipe > ssthresh) {
      allowed = Math.ceil((this.#delivered * ssthresh) / this.#recoverFs) - this.#out
    } else {
      // What was delivered, and in a slow start a segment more, to make up for losses within the recovery: RFC 6937 §3,
      // with the reduction bound chosen by whether the ACK is good news.
      const limit = Math.max(this.#delivered - this.#out, delivered) + (isGood ? mss : 0)
      allowed = Math.min(ssthresh - pipe, limit)
    }
    // Recovery begins with a retransmission whatever the rest of the reckoning says (RFC 6675 §5 step 4.3).
    this.window = pipe + Math.max(allowed, this.#out > 0 ? 0 : mss)
  }

  /** `octets` went out, new or again. */
  onSent(octets: number): void {
    this.#out += octets
  }
}
