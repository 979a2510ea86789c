import type { Socket } from 'node:net'
import { ResetCode, type StreamHost } from '../../session/streams/stream-types.ts'
import type { Ledger } from './join.ts'
import type { Open } from './open-set.ts'
import { abort } from './splice.ts'

/** Milliseconds that a connection waits for a session: who has just been started, or whose server has, needs a moment. */
const PATIENCE = 5000

/** What becomes of a connection that has come. */
export interface Arrival {
  /** There is a session for it. */
  readonly onHost: (host: StreamHost) => void
  /** There was none in time: ends the connection, and tells the tally. Default: it is reset. */
  readonly onNone?: () => void
}

export interface HostsOptions {
  /** Milliseconds that a connection waits for a session that something carries. Default 5,000. */
  readonly patience?: number | undefined
  /** Whether something carries what is opened there. Default: always. */
  readonly isCarried?: ((host: StreamHost) => boolean) | undefined
}

/**
 * The sessions of one side. What is opened is opened on the newest. Connections that come while there is none wait; and while
 * nothing carries it, too: it may be gone with a server that was killed, and take all that was opened on it along.
 */
export class Hosts {
  readonly #patience: number
  readonly #isCarried: (host: StreamHost) => boolean
  readonly #hosts: StreamHost[] = []
  readonly #held = new Set<Held>()

  constructor({ patience = PATIENCE, isCarried = () => true }: HostsOptions = {}) {
    this.#patience = patience
    this.#isCarried = isCarried
  }

  /** The newest; undefined while there is none. */
  get current(): StreamHost | undefined {
    return this.#hosts.at(-1)
  }

  add(host: StreamHost): void {
    this.#hosts.push(host)
    this.onCarried()
  }

  /** Something carries the newest again, perhaps: what waits goes on. */
  onCarried(): void {
    const { current } = this
    if (current === undefined || !this.#isCarried(current)) return
    for (const held of [...this.#held]) held.pass(current)
  }

  /** Whether there was such a one. */
  delete(host: StreamHost): boolean {
    const at = this.#hosts.indexOf(host)
    if (at >= 0) this.#hosts.splice(at, 1)
    return at >= 0
  }

  /** Removes all, one after the other. */
  clear(onEach: (host: StreamHost) => void): void {
    for (const host of this.#hosts.splice(0)) onEach(host)
  }

  /** Hands a connection to the session, now or later; nobody reads from it meanwhile. The tally has begun it. */
  meet(socket: Socket, ledger: Ledger, arrival: Arrival): void {
    const { current } = this
    if (current !== undefined && this.#isCarried(current)) arrival.onHost(current)
    else this.#hold(new Held(socket, ledger, arrival, (held) => this.#held.delete(held)))
  }

  #hold(held: Held): void {
    this.#held.add(held)
    held.wait(this.#patience, () => {
      const { current } = this
      if (current === undefined) held.fail()
      else held.pass(current)
    })
  }
}

/** A connection that waits for a session. */
class Held implements Open {
  readonly #socket: Socket
  readonly #ledger: Ledger
  readonly #arrival: Arrival
  readonly #onOver: (held: Held) => void
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(socket: Socket, ledger: Ledger, arrival: Arrival, onOver: (held: Held) => void) {
    this.#socket = socket
    this.#ledger = ledger
    this.#arrival = arrival
    this.#onOver = onOver
    ledger.open.add(this)
    socket.on('error', ignore).on('close', this.#onClose)
  }

  /** Does this, unless something else happens first. */
  wait(milliseconds: number, onTime: () => void): void {
    this.#timer = setTimeout(onTime, milliseconds)
  }

  pass(host: StreamHost): void {
    this.#leave(() => this.#arrival.onHost(host))
  }

  /** There is nothing to wait for any more. */
  fail(): void {
    const { onNone } = this.#arrival
    if (onNone === undefined) this.abort(ResetCode.CLOSED)
    else this.#leave(onNone)
  }

  abort(code: ResetCode): void {
    this.#leave(() => {
      this.#ledger.tally.end(code, false)
      abort(this.#socket)
    })
  }

  readonly #onClose = (): void => this.abort(ResetCode.CANCELLED)

  /** What comes next is open before this is not any more. */
  #leave(next: () => void): void {
    clearTimeout(this.#timer)
    this.#socket.off('close', this.#onClose)
    this.#onOver(this)
    next()
    this.#ledger.open.delete(this)
  }
}

const ignore = (): void => undefined
