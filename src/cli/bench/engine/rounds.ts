import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ipv4Addr } from '../../../base/address.ts'
import { NetError } from '../../../base/errors.ts'
import type { Host } from '../../../stack/host.ts'
import type { TcpSocket } from '../../../stack/tcp-socket.ts'
import type { TcpOptionsInit } from '../../../tcp/settings.ts'
import { Histogram } from './histogram.ts'
import { Schedule, type Stretch } from './schedule.ts'

/** Requests as fast as the answers come: on connections that stay, or on a new one for each. */
export type RoundKind = 'latency' | 'connections'

export interface RoundsOptions {
  readonly host: Host
  readonly remote: Ipv4Addr
  readonly port: number
  readonly kind: RoundKind
  /** How many ask at once, each of them waiting for its answer before it asks again. */
  readonly parallel: number
  /** Bytes of a request, which comes back as its answer. */
  readonly length: number
  /** Seconds; 0 for no end. */
  readonly time: number
  /** Rounds that end it; 0 for no such end. */
  readonly rounds: number
  /** Seconds at the beginning that do not count. */
  readonly omit: number
  /** Seconds between reports; 0 for none. */
  readonly interval: number
  readonly tcp: TcpOptionsInit
  readonly onInterval: (interval: RoundsInterval) => void
  readonly signal: AbortSignal
}

export interface RoundsInterval extends Stretch {
  readonly round: Histogram
  readonly connect: Histogram
}

export interface RoundsTotal {
  readonly seconds: number
  /** From the request, or from the SYN of its connection, to the last byte of the answer. */
  readonly round: Histogram
  /** From the SYN to the open connection. */
  readonly connect: Histogram
  /** Whether it came to its end. */
  readonly isComplete: boolean
}

/** A connection, and when its SYN went. */
interface Opened {
  readonly socket: TcpSocket
  readonly began: number
}

/**
 * Measures round trips against a server that sends back what it gets.
 * @throws {NetError} ECONNREFUSED, ECONNRESET, EADDRNOTAVAIL, …; EPROTO when the server sends something else
 */
export async function measureRounds(options: RoundsOptions): Promise<RoundsTotal> {
  const rounds = new Rounds(options)
  return rounds.run()
}

class Rounds {
  readonly #options: RoundsOptions
  readonly #total = { round: new Histogram(), connect: new Histogram() }
  readonly #recent = { round: new Histogram(), connect: new Histogram() }
  readonly #request: Uint8Array
  readonly #sockets = new Set<TcpSocket>()
  #isOver = false
  readonly #schedule: Schedule
  #left: number
  #finish: () => void = () => undefined

  constructor(options: RoundsOptions) {
    // Everybody who connects at once listens to it.
    const signal = AbortSignal.any([options.signal])
    setMaxListeners(0, signal)
    this.#options = { ...options, signal }
    const { omit, time, interval } = options
    this.#schedule = new Schedule({
      omit,
      time: time > 0 ? time : Number.POSITIVE_INFINITY,
      interval,
      onReport: (stretch) => this.#report(stretch),
      onMeasure: () => undefined,
      onEnd: () => this.#finish(),
    })
    this.#left = options.rounds > 0 ? options.rounds : Number.POSITIVE_INFINITY
    // No cookie of iperf3 begins with a zero byte: our server knows by it what we want.
    this.#request = new Uint8Array(options.length)
  }

  async run(): Promise<RoundsTotal> {
    const { parallel, kind, signal } = this.#options
    const finished = new Promise<void>((resolve) => (this.#finish = resolve))
    // The time begins when the server is known to be there: who cannot reach it is told why, however long that takes.
    const opened = await this.#connectAll(kind === 'latency' ? parallel : 1)
    this.#schedule.start()
    signal.addEventListener('abort', this.#finish, { once: true })
    const worker = (i: number) => (kind === 'latency' ? this.#ask(opened[i]!.socket) : this.#visit(opened[i]))
    const workers = Promise.all(Array.from({ length: parallel }, (_, i) => worker(i)))
    try {
      await Promise.race([workers, finished])
    } finally {
      this.#stop()
      signal.removeEventListener('abort', this.#finish)
      workers.catch(() => undefined)
    }
    return { seconds: this.#schedule.seconds, ...this.#total, isComplete: !signal.aborted }
  }

  async #connectAll(count: number): Promise<readonly Opened[]> {
    const opened: Opened[] = []
    for (let i = 0; i < count; i++) opened.push(await this.#connect())
    return opened
  }

  async #connect(): Promise<Opened> {
    const began = performance.now()
    const socket = await this.#open()
    this.#count('connect', performance.now() - began)
    this.#sockets.add(socket)
    return { socket, began }
  }

  async #open(): Promise<TcpSocket> {
    const { host, remote, port, tcp, signal } = this.#options
    for (;;) {
      try {
        return await host.tcp.connect({ host: remote, port, noDelay: true, ...tcp, signal })
      } catch (error) {
        // Every port rests after its last connection there (RFC 6191): that is what limits the rate then.
        if (!(error instanceof NetError && error.code === 'EADDRNOTAVAIL') || this.#isOver) throw error
        await sleep(1)
      }
    }
  }

  /** Asks again and again on one connection. */
  async #ask(socket: TcpSocket): Promise<void> {
    const answer = new Uint8Array(this.#options.length)
    while (this.#takeTurn()) {
      const began = performance.now()
      await this.#exchange(socket, answer)
      this.#count('round', performance.now() - began)
    }
  }

  /** Connects, asks once and closes, again and again; the first time on what is open already. */
  async #visit(opened: Opened | undefined): Promise<void> {
    const answer = new Uint8Array(this.#options.length)
    for (let next = opened; this.#takeTurn(); next = undefined) {
      const { socket, began } = next ?? (await this.#connect())
      await this.#exchange(socket, answer)
      this.#count('round', performance.now() - began)
      this.#sockets.delete(socket)
      void socket.close()
    }
  }

  async #exchange(socket: TcpSocket, answer: Uint8Array): Promise<void> {
    try {
      await socket.write(this.#request)
      for (let got = 0; got < answer.length; ) {
        const count = await socket.readInto(got === 0 ? answer : answer.subarray(got))
        if (count === 0) throw this.#notAnEcho(socket, 'closes the connection instead of answering')
        got += count
      }
    } catch (error) {
      // Our own end closes what is under way.
      if (!this.#isOver) throw error
    }
    if (answer[0] !== 0) throw this.#notAnEcho(socket, 'answers with something else')
  }

  #notAnEcho({ remoteAddress, remotePort }: TcpSocket, what: string): NetError {
    const where = `${remoteAddress}:${remotePort}`
    return new NetError(
      'EPROTO',
      `${where} should send back what it gets, as gotcp bench --server and any echo server do, but ${what}`,
      { syscall: 'bench', address: remoteAddress, port: remotePort },
    )
  }

  #takeTurn(): boolean {
    if (this.#isOver || this.#left <= 0) return false
    if (!this.#schedule.isOmitting) this.#left--
    return true
  }

  #count(what: 'round' | 'connect', ms: number): void {
    if (this.#isOver) return
    this.#recent[what].add(ms)
  }

  #stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#schedule.stop(performance.now())
    for (const socket of this.#sockets) socket.abort()
  }

  #report(stretch: Stretch): void {
    const { interval, onInterval } = this.#options
    const { round, connect } = this.#recent
    if (interval > 0) onInterval({ ...stretch, round, connect })
    if (!stretch.isOmitted) {
      this.#total.round.merge(round)
      this.#total.connect.merge(connect)
    }
    round.clear()
    connect.clear()
  }
}
