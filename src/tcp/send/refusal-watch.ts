/**
 * Segments that never left this machine, because the link's queue was full. When the retransmission timer finds one of
 * them, nothing is known of the path: neither the timeout nor the window answers for it, and it is soon tried again.
 */
export class RefusalWatch {
  /** The link refused the latest segment. */
  isRefused = false
  /** Attempts in a row that the link refused, after the first. */
  attempts = 0

  /** A segment was handed to the link. */
  handedOver(isRefused: boolean): void {
    this.isRefused = isRefused
    if (!isRefused) this.attempts = 0
  }
}
