import { BUDGET, BUDGET_SHARE, LEAST_WINDOW } from '../limits.ts'
import type { WindowLease } from './receive-window.ts'

/**
 * What the windows of all sessions of a process may have together. Each may have a share of what is left and of what it
 * has itself: so there always is some for whoever comes later, and those who were there before make room for him.
 */
export class Budget {
  #left: number

  constructor(octets = BUDGET) {
    this.#left = octets
  }

  /** Less than 0 when so many came that the least for each is more than there is. */
  get left(): number {
    return this.#left
  }

  /** For a window that begins with `octets`, or with less where there is little left. */
  lease(octets: number): BudgetLease {
    const first = Math.max(Math.min(octets, LEAST_WINDOW), this.#most(octets, 0))
    this.#left -= first
    return new BudgetLease(this, first)
  }

  /** Takes up to `octets` for one who has `taken` already; how many there were. */
  take(octets: number, taken: number): number {
    const granted = this.#most(octets, taken)
    this.#left -= granted
    return granted
  }

  giveBack(octets: number): void {
    this.#left += octets
  }

  /** What one who has `taken` may have. */
  share(taken: number): number {
    return Math.floor((this.#left + taken) * BUDGET_SHARE)
  }

  #most(octets: number, taken: number): number {
    return Math.max(0, Math.min(octets, this.share(taken) - taken))
  }
}

/** What one session's window has of a budget. */
export class BudgetLease implements WindowLease {
  /** What it began with. */
  readonly first: number
  readonly #budget: Budget
  #taken: number
  #isReleased = false

  constructor(budget: Budget, first: number) {
    this.#budget = budget
    this.first = first
    this.#taken = first
  }

  /** What the window should not exceed now, for the sake of others. */
  get share(): number {
    return this.#budget.share(this.#taken)
  }

  take(octets: number): number {
    if (this.#isReleased) return 0
    const taken = this.#budget.take(octets, this.#taken)
    this.#taken += taken
    return taken
  }

  giveBack(octets: number): void {
    this.#taken -= octets
    this.#budget.giveBack(octets)
  }

  release(): void {
    this.giveBack(this.#taken)
    this.#isReleased = true
  }
}
