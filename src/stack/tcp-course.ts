import type { Tcb, TcpFailure, TcpUser } from '../tcp/tcb.ts'
import { close, send, urge } from '../tcp/user.ts'
import { Deferred } from './deferred.ts'
import { ENDED, tcpError } from './tcp-error.ts'
import { Waiters } from './waiters.ts'
import { type ByteSink, WriteQueue } from './write-queue.ts'

const CLOSED_EARLY: TcpFailure = { code: 'ECONNABORTED', message: 'it was closed before it was open' }

/**
 * How far a connection has come, and who waits for it to go on. Promises, the errors that they end with, and queues for
 * those who wait are made when somebody asks for them: an idle connection is to be small, and a short one quick.
 */
export class TcpCourse implements TcpUser, ByteSink {
  isOpen: boolean
  isOver: boolean
  readonly #tcb: Tcb
  #readers: Waiters | undefined = undefined
  #writes: WriteQueue | undefined = undefined
  #opened: Deferred | undefined = undefined
  #closed: Deferred | undefined = undefined

  constructor(tcb: Tcb) {
    this.#tcb = tcb
    // An accepted connection is open, and may be over before anybody asked for it.
    this.isOpen = tcb.isUsable
    this.isOver = tcb.isOver
  }

  get opened(): Promise<void> {
    if (this.isOpen) return Promise.resolve()
    this.#opened ??= new Deferred()
    this.#settle()
    return this.#opened.promise
  }

  get closed(): Promise<void> {
    this.#closed ??= new Deferred()
    this.#settle()
    return this.#closed.promise
  }

  get readers(): Waiters {
    this.#readers ??= new Waiters('read')
    return this.#readers
  }

  get writes(): WriteQueue {
    this.#writes ??= new WriteQueue(this)
    return this.#writes
  }

  send(bytes: Uint8Array, from: number): number {
    return send(this.#tcb, bytes, from)
  }

  urge(count: number): void {
    urge(this.#tcb, count)
  }

  finish(): void {
    close(this.#tcb)
  }

  onEstablished(): void {
    this.isOpen = true
    this.#opened?.resolve()
    this.#opened = undefined
  }

  onReadable(): void {
    this.#readers?.wake()
  }

  onWritable(): void {
    this.#writes?.resume()
  }

  onClosed(): void {
    this.isOver = true
    this.#settle()
    this.#readers?.wake()
    const writes = this.#writes
    if (writes?.isEmpty === false) writes.fail(tcpError(this.#tcb, this.#tcb.failure ?? ENDED, 'write'))
  }

  #settle(): void {
    if (!this.isOver) return
    const { failure } = this.#tcb
    this.#opened?.reject(tcpError(this.#tcb, failure ?? CLOSED_EARLY, 'connect'))
    if (failure === undefined) this.#closed?.resolve()
    else this.#closed?.reject(tcpError(this.#tcb, failure, 'read'))
  }
}
