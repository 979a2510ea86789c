import { addMicros, fromMs, type Micros, NEVER, type Pollable } from '../../src/base/types.ts'
import { isSynHeld } from '../../src/tcp/fast-open/client.ts'
import { consumed } from '../../src/tcp/receive/receive.ts'
import type { Tcb } from '../../src/tcp/tcb.ts'
import type { Tcp } from '../../src/tcp/tcp.ts'
import { close, send } from '../../src/tcp/user.ts'

/** The byte at `index` of every transfer: never the same for a shifted or repeated piece. */
export const byteAt = (index: number): number => ((Math.imul(index, 0x9e3779b1) >>> 24) ^ (index >>> 16)) & 255

export interface EndOptions {
  /** How many patterned bytes it writes. Default 0. */
  readonly send?: number
  /** Closes its side only after the peer has closed: the second to do so. Default: as soon as all is written. */
  readonly closesSecond?: boolean
  /** A slow reader takes `readSize` bytes at a time, every `readEvery` milliseconds. Default: all, at once. */
  readonly readEvery?: number
  readonly readSize?: number
}

/** One user of a connection: writes its bytes, reads and compares the peer's, closes, notes the end. */
export class End implements Pollable {
  readonly tcb: Tcb
  written = 0
  received = 0
  firstWrong: number | undefined
  closed: string | undefined
  /** The most that waited to be read. */
  longestQueue = 0
  readonly #tcp: Tcp
  readonly #total: number
  readonly #options: EndOptions
  readonly #readEvery: number
  #readAt: Micros = NEVER

  constructor(tcb: Tcb, tcp: Tcp, options: EndOptions = {}) {
    this.tcb = tcb
    this.#tcp = tcp
    this.#total = options.send ?? 0
    this.#options = options
    this.#readEvery = fromMs(options.readEvery ?? 0)
    tcb.user = {
      onEstablished: () => this.#push(),
      onReadable: () => this.#readable(),
      onWritable: () => this.#push(),
      onClosed: (failure) => {
        this.#drain()
        this.closed = failure?.code ?? 'closed'
        this.#readAt = NEVER
      },
    }
    if (tcb.isUsable || isSynHeld(tcb)) this.#push()
    this.#readable()
  }

  poll(now: Micros): void {
    if (now < this.#readAt) return
    this.#read(this.#options.readSize ?? 1000)
    this.#readAt = this.tcb.receiveRing.length > 0 || !this.tcb.peerClosed ? addMicros(now, this.#readEvery) : NEVER
    this.#closeIfDone()
  }

  pollAt(): Micros {
    return this.#readAt
  }

  #push(): void {
    while (this.written < this.#total) {
      const size = Math.min(65_536, this.#total - this.written)
      const chunk = new Uint8Array(size)
      for (let i = 0; i < size; i++) chunk[i] = byteAt(this.written + i)
      const taken = send(this.tcb, chunk, 0)
      this.written += taken
      if (taken < size) return
    }
    this.#closeIfDone()
  }

  #readable(): void {
    this.longestQueue = Math.max(this.longestQueue, this.tcb.receiveRing.length)
    if (this.#readEvery > 0) {
      if (this.#readAt === NEVER && !this.tcb.isOver) this.#readAt = addMicros(this.#tcp.now, this.#readEvery)
    } else this.#drain()
    this.#closeIfDone()
  }

  #drain(): void {
    while (this.#read(Number.POSITIVE_INFINITY) > 0);
  }

  #read(most: number): number {
    const view = this.tcb.receiveRing.peek()
    const count = Math.min(most, view.length)
    for (let i = 0; i < count; i++) {
      if (view[i] !== byteAt(this.received + i)) this.firstWrong ??= this.received + i
    }
    this.received += count
    if (count > 0) consumed(this.tcb, count, this.#tcp.now)
    return count
  }

  #closeIfDone(): void {
    if (this.written < this.#total || !this.tcb.isUsable) return
    if (!this.#options.closesSecond || (this.tcb.peerClosed && this.tcb.receiveRing.length === 0)) close(this.tcb)
  }
}
