/**
 * Proportional rate reduction, RFC 6937 §3: during fast recovery each ACK lets
 * out a share of what it says was delivered, so that the window shrinks evenly
 * over one round trip and the ACK clock never stops.
 */
export class ProportionalRateReduction {
  /** RecoverFS, prr_delivered and prr_out of §3.1, and what may go out now. */
  #recoverFs = 0
  #delivered = 0
  #out = 0
  #allowed = 0

  /** Recovery begins with `flight` octets outstanding. */
  begin(flight: number): void {
    this.#recoverFs = Math.max(1, flight)
    this.#delivered = 0
    this.#out = 0
    this.#allowed = 0
  }

  /** An ACK shows that `delivered` octets have left the network, which still holds `pipe`. */
  onAck(delivered: number, pipe: number, ssthresh: number, mss: number): void {
    this.#delivered += delivered
    if (pipe > ssthresh) {
      this.#allowed = Math.ceil((this.#delivered * ssthresh) / this.#recoverFs) - this.#out
    } else {
      // PRR-SSRB: the bound that lets slow start make up for losses within the recovery.
      const limit = Math.max(this.#delivered - this.#out, delivered) + mss
      this.#allowed = Math.min(ssthresh - pipe, limit)
    }
  }

  /** `octets` went out, new or again. */
  onSent(octets: number): void {
    this.#out += octets
    this.#allowed -= octets
  }

  /** Octets that may go out now. */
  get allowed(): number {
    return Math.max(0, this.#allowed)
  }
}
