import type { Socket } from 'node:net'
import { ResetCode, type StreamHost } from '../../session/stream-types.ts'
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

/** The sessions of one side. What is opened is opened on the newest; connections that come while there is none wait. */
export class Hosts {
  readonly #patience: number
  readonly #hosts: StreamHost[] = []
  readonly #held = new Set<Held>()

  /** @param patience milliseconds that a connection waits for a session */
  constructor(patience = PATIENCE) {
    this.#patience = patience
  }

  /** The newest; undefined while there is none. */
  get current(): StreamHost | undefined {
    return this.#hosts.at(-1)
  }

  add(host: StreamHost): void {
    this.#hosts.push(host)
    for (const held of [...this.#held]) held.pass(host)
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

  /** Hands a connection to the session, as soon as there is one; nobody reads from it meanwhile. The tally has begun it. */
  meet(socket: Socket, ledger: Ledger, arrival: Arrival): void {
    const { current } = this
    if (current !== undefined) arrival.onHost(current)
    else this.#held.add(new Held(socket, ledger, arrival, this.#patience, (held) => this.#held.delete(held)))
  }
}

/** A connection that waits for a session. */
class Held implements Open {
  readonly #socket: Socket
  readonly #ledger: Ledger
  readonly #arrival: Arrival
  readonly #onOver: (held: Held) => void
  readonly #timer: NodeJS.Timeout

  constructor(socket: Socket, ledger: Ledger, arrival: Arrival, patience: number, onOver: (held: Held) => void) {
    this.#socket = socket
    this.#ledger = ledger
    this.#arrival = arrival
    this.#onOver = onOver
    this.#timer = setTimeout(this.#onNone, patience)
    ledger.open.add(this)
    socket.on('error', ignore).on('close', this.#onClose)
  }

  pass(host: StreamHost): void {
    this.#leave(() => this.#arrival.onHost(host))
  }

  abort(code: ResetCode): void {
    this.#leave(() => {
      this.#ledger.tally.end(code, false)
      abort(this.#socket)
    })
  }

  readonly #onClose = (): void => this.abort(ResetCode.CANCELLED)

  readonly #onNone = (): void => {
    const { onNone } = this.#arrival
    if (onNone === undefined) this.abort(ResetCode.CLOSED)
    else this.#leave(onNone)
  }

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
