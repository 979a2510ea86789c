import type { Socket } from 'node:net'
import { ResetCode, type SessionStream, type StreamEvents } from '../../session/streams/stream-types.ts'
import { EarlyReader } from './early-reader.ts'
import { joinAsking, type Ledger } from './join.ts'
import type { Open } from './open-set.ts'
import { abort } from './splice.ts'

/** What the client hears of its wish. */
export interface Words {
  /** Said when the target is reached, before anything else. */
  readonly accepted: Uint8Array
  /** Said when it is not. */
  readonly refused: (code: number) => Uint8Array
}

/** A connection whose client waits to hear whether its target was reached; then the two are joined. */
export class Asking implements StreamEvents, Open {
  readonly #socket: Socket
  readonly #stream: SessionStream
  readonly #ledger: Ledger
  readonly #words: Words
  readonly #early: EarlyReader

  constructor(socket: Socket, stream: SessionStream, ledger: Ledger, words: Words) {
    this.#socket = socket
    this.#stream = stream
    this.#ledger = ledger
    this.#words = words
    stream.events = this
    ledger.open.add(this)
    this.#early = new EarlyReader(socket, { onClose: () => this.abort(ResetCode.CANCELLED) })
  }

  onAccepted(): void {
    const early = this.#early.release()
    if (this.#words.accepted.length > 0) this.#socket.write(this.#words.accepted)
    joinAsking({ socket: this.#socket, early }, this.#stream, this.#ledger, true)
    this.#ledger.open.delete(this)
  }

  onReset(code: number): void {
    this.#early.release()
    this.#ledger.tally.end(code, false)
    new Farewell(this.#socket, this.#words.refused(code), this.#ledger)
    this.#ledger.open.delete(this)
  }

  abort(code: ResetCode): void {
    this.#early.release()
    this.#stream.reset(code)
    abort(this.#socket)
    this.#ledger.tally.end(code, false)
    this.#ledger.open.delete(this)
  }
}

/** Milliseconds that a client may take to hear why it is refused. */
const LINGER = 2000

/** Says a last word to a client, and sees that the connection ends even if the client does not end it. */
export class Farewell implements Open {
  readonly #socket: Socket

  constructor(socket: Socket, words: Uint8Array, { open }: Pick<Ledger, 'open'>) {
    this.#socket = socket
    open.add(this)
    const timer = setTimeout(() => socket.destroy(), LINGER)
    const onClose = (): void => {
      clearTimeout(timer)
      open.delete(this)
    }
    // What the client still says is read, for otherwise the kernel would reset what we say.
    socket
      .on('error', () => undefined)
      .on('close', onClose)
      .resume()
      .end(words)
    if (socket.destroyed) onClose()
  }

  abort(): void {
    this.#socket.destroy()
  }
}
