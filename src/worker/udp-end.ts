import { NetError } from '../base/errors.ts'
import { abortError, Waiters } from '../stack/waiters.ts'
import type { Crossing, LaneUser } from './crossing.ts'
import { type Lane, LaneWord } from './lane.ts'
import { RingReader, RingWriter } from './shared-ring.ts'
import { RecordReader, RecordWriter, type UdpRecord } from './udp-record.ts'

const OPERATIONS: Readonly<Record<string, string>> = {
  connect: 'connect',
  send: 'send',
  recv: 'receive',
  setsockopt: 'join or leave a group',
}

/** A datagram on its way to the stack, the `sent`th of its socket. */
interface Departure {
  readonly sent: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The user's end of the lane of a UDP socket, and who waits there. */
export class UdpEnd implements LaneUser {
  readonly lane: Lane
  readonly #crossing: Crossing
  readonly #onError: ((error: NetError) => void) | undefined
  readonly #upRing: RingWriter
  readonly #downRing: RingReader
  readonly #up: RecordWriter
  readonly #down: RecordReader
  readonly #readers = new Waiters('recv')
  readonly #writers = new Waiters('send')
  /** In the order in which they were sent. */
  #departures: Departure[] = []
  #sent = 0
  #isFree = false
  /** Why no more can be done. */
  #failure: ((syscall: string) => NetError) | undefined
  /** What an earlier datagram met: it fails the next call, once. */
  #pendingError: Error | undefined

  constructor(crossing: Crossing, onError?: (error: NetError) => void) {
    this.#crossing = crossing
    this.#onError = onError
    this.lane = crossing.enter(this)
    this.#upRing = new RingWriter(this.lane.up)
    this.#downRing = new RingReader(this.lane.down)
    this.#up = new RecordWriter(this.#upRing)
    this.#down = new RecordReader(this.#downRing)
  }

  get isClosed(): boolean {
    return this.#failure !== undefined
  }

  get dropped(): number {
    return this.#isFree ? 0 : Atomics.load(this.lane.words, LaneWord.DROPPED)
  }

  /** @throws {NetError} ERR_CLOSED, ERR_WORKER. */
  checkOpen(syscall: string): void {
    if (this.#failure !== undefined) throw this.#failure(syscall)
  }

  /** Resolves when the stack has taken the datagram. */
  async send(record: UdpRecord, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      this.checkOpen('send')
      this.#checkPending()
      if (this.#up.write(record)) break
      if (this.#upRing.waitForRoom()) await this.#writers.wait(signal)
    }
    if (this.#upRing.takeReader()) this.#crossing.ring(this.lane)
    const sent = (this.#sent = (this.#sent + 1) | 0)
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => this.#settle(sent, abortError('send'))
      const settled = (settle: () => void): void => {
        signal?.removeEventListener('abort', onAbort)
        settle()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#departures.push({
        sent,
        resolve: () => settled(resolve),
        reject: (error) => settled(() => reject(error)),
      })
    })
  }

  /** The next datagram. */
  async receive(signal: AbortSignal | undefined): Promise<UdpRecord> {
    for (;;) {
      this.checkOpen('recv')
      const record = this.#down.read()
      if (record !== undefined) {
        if (this.#downRing.takeWriter()) this.#crossing.ring(this.lane)
        return record
      }
      this.#checkPending()
      if (this.#downRing.waitForBytes()) await this.#readers.wait(signal)
    }
  }

  close(): void {
    if (this.#failure !== undefined) return
    this.#crossing.caller.call('udpClose', this.lane.id).catch(() => undefined)
    this.#fail(closedError)
  }

  visit(): void {
    this.#settleSent()
    this.#readers.wake()
    this.#writers.wake()
  }

  onUnsent(sent: number, error: Error): void {
    this.#settle(sent, error)
  }

  onUdpError(error: Error, isPending: boolean): void {
    if (!isPending) {
      this.#onError?.(error as NetError)
      return
    }
    this.#pendingError = error
    this.#readers.wake()
    this.#writers.wake()
  }

  onFree(): void {
    if (this.#isFree) return
    this.#settleSent()
    // Where the stack closed the socket by itself, it went with the stack.
    this.#fail(closedError)
    this.#failDepartures()
    this.#isFree = true
    this.#crossing.leave(this.lane)
  }

  onDied(why: string): void {
    this.#isFree = true
    this.#fail((syscall) => new NetError('ERR_WORKER', `Cannot ${OPERATIONS[syscall] ?? syscall}: ${why}`, { syscall }))
    this.#failDepartures()
  }

  #settleSent(): void {
    const sent = Atomics.load(this.lane.words, LaneWord.SENT)
    let count = 0
    while (count < this.#departures.length && ((sent - this.#departures[count]!.sent) | 0) >= 0) count++
    for (const { resolve } of this.#departures.splice(0, count)) resolve()
  }

  #failDepartures(): void {
    for (const { reject } of this.#departures.splice(0)) reject(this.#failure!('send'))
  }

  #checkPending(): void {
    const error = this.#pendingError
    this.#pendingError = undefined
    if (error !== undefined) throw error
  }

  #settle(sent: number, error: unknown): void {
    const at = this.#departures.findIndex((departure) => departure.sent === sent)
    if (at >= 0) this.#departures.splice(at, 1)[0]!.reject(error)
  }

  /** Ends every wait for bytes and room; what is in the ring still goes. */
  #fail(failure: (syscall: string) => NetError): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#readers.wake()
    this.#writers.wake()
  }
}

const closedError = (syscall: string): NetError =>
  new NetError('ERR_CLOSED', `Cannot ${OPERATIONS[syscall] ?? syscall}: the socket is closed`, { syscall })
