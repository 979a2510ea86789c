import { type ErrorCode, NetError } from '../../base/errors.ts'
import { listInterfaces } from '../../driver/interfaces.ts'
import type { Output } from '../output.ts'

/** How often a link that is down is looked at, and for how long it may be down, in milliseconds. */
const LOOK_EVERY = 250
const PATIENCE = 30_000

/**
 * Says when an interface goes down and comes back, and calls `onLost` once when it is gone for good: removed, or
 * down for half a minute.
 */
export class LinkWatch {
  readonly #name: string
  readonly #output: Output
  readonly #onLost: (error: NetError) => void
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(name: string, output: Output, onLost: (error: NetError) => void) {
    this.#name = name
    this.#output = output
    this.#onLost = onLost
  }

  /** To be called with each error of the link. */
  onError(error: NetError): void {
    if (error.code === 'ENETDOWN') this.#look(Date.now())
    else this.#lose('ENODEV', REMOVED)
  }

  /** Stops watching; harmless when repeated. */
  stop(): void {
    this.#isOver = true
    clearInterval(this.#timer)
  }

  #look(downSince: number): void {
    if (this.#isOver) return
    const facts = listInterfaces().find((each) => each.name === this.#name)
    const fix = `Bring it up: sudo ip link set ${this.#name} up`
    if (facts === undefined) this.#lose('ENODEV', REMOVED)
    else if (facts.up) {
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#output.note(`${this.#name} is up again`)
    } else if (Date.now() - downSince >= PATIENCE) this.#lose('ENETDOWN', `stayed down. ${fix}`)
    else if (this.#timer === undefined) {
      this.#output.warn(`${this.#name} is down; waiting ${PATIENCE / 1000} s for it. ${fix}`)
      this.#timer = setInterval(() => this.#look(downSince), LOOK_EVERY)
    }
  }

  #lose(code: ErrorCode, what: string): void {
    if (this.#isOver) return
    this.stop()
    this.#onLost(new NetError(code, `${this.#name} ${what}`, { syscall: 'read' }))
  }
}

const REMOVED = 'was removed while in use. Start again when it is back'
