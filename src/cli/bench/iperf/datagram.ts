/** The head of each datagram of a UDP stream: when it was sent, and which of the stream's it is, from 1 on. */
export const headLength = (isWide: boolean): number => (isWide ? 16 : 12)

/** Writes the head; `now` is in milliseconds. */
export function writeHead(view: DataView, now: number, count: number, isWide: boolean): void {
  const seconds = Math.floor(now / 1000)
  view.setUint32(0, seconds)
  view.setUint32(4, Math.floor((now - seconds * 1000) * 1000))
  if (isWide) {
    view.setUint32(8, Math.floor(count / 2 ** 32))
    view.setUint32(12, count >>> 0)
  } else view.setUint32(8, count >>> 0)
}

/** What a receiver knows of a stream of datagrams. */
export class DatagramTally {
  /** The highest number seen, which tells how many were sent. */
  packets = 0
  lost = 0
  outOfOrder = 0
  /** Seconds, smoothed as RFC 3550 §6.4.1 does. */
  jitter = 0
  #transit: number | undefined
  readonly #isWide: boolean

  constructor(isWide: boolean) {
    this.#isWide = isWide
  }

  /** Counts a datagram that arrived at `now`, in milliseconds; false when it is too short to be one. */
  take(data: Uint8Array, now: number): boolean {
    if (data.length < headLength(this.#isWide)) return false
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    this.#number(this.#isWide ? view.getUint32(8) * 2 ** 32 + view.getUint32(12) : view.getUint32(8))
    const transit = now / 1000 - (view.getUint32(0) + view.getUint32(4) / 1e6)
    const change = Math.abs(transit - (this.#transit ?? transit))
    this.#transit = transit
    this.jitter += (change - this.jitter) / 16
    return true
  }

  #number(count: number): void {
    if (count > this.packets) {
      this.lost += count - 1 - this.packets
      this.packets = count
      return
    }
    // One that was overtaken had been taken for lost.
    this.outOfOrder++
    if (this.lost > 0) this.lost--
  }
}
