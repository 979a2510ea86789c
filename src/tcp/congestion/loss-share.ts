/** What counts as very many losses, and of how many segments at least: of fewer the loss of one or two says nothing. */
const HEAVY = 0.13
const ENOUGH_SEGMENTS = 64

/** How much of what is sent gets lost, over whole round trips and as many of them as it takes to tell. */
export class LossShare {
  /** More was lost, when it could last be told, than any path loses on its own. */
  isHeavy = false
  #lost = 0
  #delivered = 0

  /** An ACK told of octets lost and delivered. */
  add(lost: number, delivered: number): void {
    this.#lost += lost
    this.#delivered += delivered
  }

  /** A round trip is over. */
  endRound(mss: number): void {
    const sent = this.#lost + this.#delivered
    if (sent < ENOUGH_SEGMENTS * mss) return
    const isHeavy = this.#lost > HEAVY * sent
    this.forget()
    this.isHeavy = isHeavy
  }

  /** What was lost so far says nothing of what is sent from now on. */
  forget(): void {
    this.isHeavy = false
    this.#lost = 0
    this.#delivered = 0
  }
}
