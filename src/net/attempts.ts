import { getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
import type { ConnectOptions } from './arguments.ts'
import type { Connection, StreamSide } from './connection.ts'
import type { NetContext } from './context.ts'
import { type Asker, checkLocal, dial, type Place } from './dial.ts'
import { addressError, aggregateError, STACK_CLOSED } from './errors.ts'

const SHORTEST = 10

/** Whom a connection is opened for. */
export interface Dialler extends StreamSide {
  readonly connecting: boolean
  /** What it has already: one that is open, or is to be. */
  readonly connection: Connection | undefined
  autoSelectFamilyAttemptedAddresses: string[] | undefined
  emit(event: string, ...details: readonly unknown[]): boolean
  /** The connection that it has from now on, and which is not open yet. */
  onDialled(connection: Connection): void
  destroy(error: Error): void
  /** Something happened: its timeout begins anew. */
  _unrefTimer(): void
}

/**
 * The addresses of a host, found and tried in turn: the next one once the present one has failed or taken its time.
 * Whoever connects twice asks for those of two hosts; the first to be found are tried, and the others refused.
 */
export class Attempts implements Asker {
  readonly #context: NetContext
  readonly #dialler: Dialler
  readonly #errors: Error[] = []
  #options: ConnectOptions = {}
  #places: readonly Place[] = []
  #tried = 0
  #isOver = false
  /** What is being tried. */
  #present: Place | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(context: NetContext, dialler: Dialler) {
    this.#context = context
    this.#dialler = dialler
  }

  get isWaiting(): boolean {
    return this.#dialler.connecting && !this.#isOver
  }

  onLookup(...details: Parameters<Asker['onLookup']>): void {
    this.#dialler.emit('lookup', ...details)
  }

  onNotFound(error: Error): void {
    if (this.isWaiting) this.#dialler.destroy(error)
  }

  onFound(places: readonly Place[], options: ConnectOptions): void {
    if (!this.isWaiting) return
    const dialler = this.#dialler
    dialler._unrefTimer()
    if (dialler.connection !== undefined) {
      this.#refuseSecond(places[0]!, dialler.connection)
      return
    }
    const notOurs = checkLocal(this.#context, options)
    if (notOurs !== undefined) {
      dialler.destroy(notOurs)
      return
    }
    this.#options = options
    this.#places = places
    if (this.#isChoice) dialler.autoSelectFamilyAttemptedAddresses = []
    this.#tryNext()
  }

  /** It is open: nothing else is tried. */
  stop(): void {
    this.#isOver = true
    this.#present = undefined
    clearTimeout(this.#timer)
  }

  /** Nobody wants a connection any more. Of one address among several that is told, as node:net does, before the close. */
  cancel(): void {
    const place = this.#present
    this.stop()
    if (place === undefined || !this.#isChoice) return
    setImmediate(() => this.#tellFailure(place, this.#errorOf(place, 'ECANCELED')))
  }

  /** The present one was refused. */
  onRefused(code: string): void {
    const place = this.#present!
    const error = this.#errorOf(place, code)
    this.#present = undefined
    clearTimeout(this.#timer)
    this.#errors.push(error)
    this.#tellFailure(place, error)
    if (code === STACK_CLOSED) this.#tried = this.#places.length
    this.#tryNext()
  }

  get #isChoice(): boolean {
    return this.#places.length > 1
  }

  /** Milliseconds for the present one, where another follows. */
  get #patience(): number {
    const { autoSelectFamilyAttemptTimeout: asked } = this.#options
    return Math.max(SHORTEST, asked ?? getDefaultAutoSelectFamilyAttemptTimeout())
  }

  /** It connects already, or is connected. */
  #refuseSecond({ address, port, family }: Place, { local, tcb }: Connection): void {
    this.#dialler.emit('connectionAttempt', address, port, family)
    const code = tcb.isUsable ? 'EISCONN' : 'EALREADY'
    this.#dialler.destroy(addressError(code, 'connect', address, port, `${local.address}:${local.port}`))
  }

  #tryNext(): void {
    while (!this.#isOver && this.#present === undefined) this.#try(this.#places[this.#tried++])
  }

  #try(place: Place | undefined): void {
    const dialler = this.#dialler
    if (place === undefined) {
      this.stop()
      dialler.destroy(this.#isChoice ? aggregateError(this.#errors) : this.#errors[0]!)
      return
    }
    dialler.emit('connectionAttempt', place.address, place.port, place.family)
    if (this.#isOver) return
    if (this.#isChoice) dialler.autoSelectFamilyAttemptedAddresses?.push(`${place.address}:${place.port}`)
    const connection = dial(this.#context, place, this.#options, dialler)
    if (connection instanceof Error) {
      this.#errors.push(connection)
      if (this.#isChoice) this.#tellFailure(place, connection)
      return
    }
    this.#present = place
    dialler.onDialled(connection)
    if (this.#tried === this.#places.length) return
    this.#timer = setTimeout(() => this.#giveUp(place, connection), this.#patience).unref()
  }

  #giveUp(place: Place, connection: Connection): void {
    this.#present = undefined
    this.#dialler.emit('connectionAttemptTimeout', place.address, place.port, place.family)
    this.#errors.push(this.#errorOf(place, 'ETIMEDOUT'))
    connection.destroy(false)
    this.#tryNext()
  }

  #tellFailure({ address, port, family }: Place, error: Error): void {
    this.#dialler.emit('connectionAttemptFailed', address, port, family, error)
  }

  #errorOf({ address, port }: Place, code: string): Error {
    const { localAddress = '0.0.0.0', localPort } = this.#options
    if (!localPort) return addressError(code, 'connect', address, port)
    const error = addressError(code, 'connect', address, port, `${localAddress}:${localPort}`)
    return Object.assign(error, { localAddress, localPort })
  }
}
