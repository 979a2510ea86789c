/**
 * How much may be in the network: a congestion controller decides only the
 * window. What is lost is decided elsewhere and told to it.
 * All quantities are octets.
 */
export interface CongestionControl {
  readonly name: string
  cwnd: number
  ssthresh: number
  /** `octets` of new data were acknowledged outside recovery, while the window was in use. */
  onAck(octets: number, mss: number): void
  /** A loss was found; `flight` is FlightSize (RFC 5681 §2). Called once for each window of data. */
  onLoss(flight: number, mss: number): void
  /** Everything that was outstanding at the loss has been acknowledged. */
  onRecovered(flight: number, mss: number): void
  /** The retransmission timer expired; `first` unless it is a repetition for the same octets. */
  onTimeout(flight: number, mss: number, first: boolean): void
  /** Nothing was sent for longer than a timeout (RFC 5681 §4.1). */
  onIdle(mss: number): void
}
