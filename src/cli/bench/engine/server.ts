import type { Host } from '../../../stack/host.ts'
import type { TcpSocket } from '../../../stack/tcp-socket.ts'
import { ControlChannel } from '../iperf/control.ts'
import { beginsCookie, COOKIE_LENGTH, State } from '../iperf/protocol.ts'
import { Door } from './door.ts'
import { echo } from './echo.ts'
import type { Observer } from './observer.ts'
import { ServedTest } from './served-test.ts'

/** How long a connection may take to say what it wants, in milliseconds, and how many may be about to. */
const PATIENCE = 10_000
const MOST_STRANGERS = 1024
/** How long a client that is turned away may take to hear it, in milliseconds. */
const FAREWELL = 1000
/** How soon the silence of a peer's machine is noticed, in milliseconds. */
const KEEP_ALIVE = 10_000

export interface ServerObserver extends Observer {
  onControl(peer: string, port: number): void
  /** A test ended otherwise than by its own end. */
  onFailure(error: unknown): void
  /** One more test is over, whatever became of it. */
  onIdle(): void
}

export interface ServerOptions {
  readonly host: Host
  readonly port: number
  /** Seconds between reports; 0 for none. */
  readonly interval: number
  /** Serves one test, then ends. */
  readonly once: boolean
  /** Sends back what comes on connections that begin otherwise than iperf3's. */
  readonly echo: boolean
  readonly observer: ServerObserver
}

/** Serves tests, one at a time, and echoes, any number of them, on one port. */
export class BenchServer {
  readonly #options: ServerOptions
  readonly #door: Door
  /** Connections that have not said what they want, and until when they may, in the order in which they came. */
  readonly #strangers = new Map<TcpSocket, number>()
  readonly #echoes = new Set<TcpSocket>()
  readonly #sweeper: NodeJS.Timeout
  readonly #ended: Promise<void>
  #end: () => void = () => undefined
  #test: ServedTest | undefined
  /** Settles when the test that runs is over and its client knows. */
  #serving: Promise<void> | undefined
  #arrivals = 0
  #tests = 0
  #isClosed = false

  /** @throws {NetError} EADDRINUSE */
  constructor(options: ServerOptions) {
    this.#options = options
    this.#ended = new Promise((resolve) => (this.#end = resolve))
    this.#door = new Door(options.host, options.port, { keepAlive: KEEP_ALIVE, keepAliveInterval: KEEP_ALIVE })
    void this.#door.serve((socket) => this.#onConnection(socket))
    this.#sweeper = setInterval(() => this.#sweep(), 1000)
  }

  get port(): number {
    return this.#door.port
  }

  get tests(): number {
    return this.#tests
  }

  /** Resolves after the one test that was asked for, or after `close`. */
  get ended(): Promise<void> {
    return this.#ended
  }

  /** Ends the test that runs, and tells its client; then everything else. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#sweeper)
    this.#door.close()
    this.#test?.terminate()
    await this.#serving
    for (const socket of [...this.#strangers.keys(), ...this.#echoes]) socket.abort()
    this.#end()
  }

  #onConnection(socket: TcpSocket): void {
    // Whoever floods us with silence drives out the silent, not those who come to measure.
    if (this.#strangers.size >= MOST_STRANGERS) this.#strangers.keys().next().value?.abort()
    void this.#greet(socket, this.#arrivals++).catch(() => socket.abort())
  }

  /** Finds out what a connection wants by what it says first. */
  async #greet(socket: TcpSocket, arrival: number): Promise<void> {
    this.#strangers.set(socket, performance.now() + PATIENCE)
    const cookie = new Uint8Array(COOKIE_LENGTH)
    let filled = 0
    try {
      filled = await socket.readInto(cookie)
      if (filled > 0 && this.#options.echo && !beginsCookie(cookie[0]!)) {
        this.#strangers.delete(socket)
        await this.#echo(socket, cookie.subarray(0, filled))
        return
      }
      while (filled > 0 && filled < COOKIE_LENGTH) {
        const count = await socket.readInto(cookie.subarray(filled))
        filled = count === 0 ? 0 : filled + count
      }
    } finally {
      this.#strangers.delete(socket)
    }
    if (filled === 0) socket.abort()
    else if (this.#test?.wants(cookie)) this.#test.join(socket, arrival)
    else if (this.#test !== undefined || this.#isClosed) await this.#deny(socket)
    else await this.#serve(new ControlChannel(socket), cookie)
  }

  async #echo(socket: TcpSocket, first: Uint8Array): Promise<void> {
    this.#echoes.add(socket)
    await echo(socket, first)
    this.#echoes.delete(socket)
  }

  async #deny(socket: TcpSocket): Promise<void> {
    const control = new ControlChannel(socket)
    await control.sendState(State.ACCESS_DENIED)
    await control.drain(FAREWELL)
  }

  async #serve(control: ControlChannel, cookie: Uint8Array): Promise<void> {
    const { observer, once, host, interval } = this.#options
    const test = new ServedTest({ host, control, cookie, interval, observer, door: this.#door })
    this.#test = test
    observer.onControl(control.socket.remoteAddress, control.socket.remotePort)
    this.#serving = this.#runToEnd(test, control)
    await this.#serving
    if (this.#isClosed) return
    if (once) await this.close()
    else observer.onIdle()
  }

  async #runToEnd(test: ServedTest, control: ControlChannel): Promise<void> {
    try {
      await test.run()
    } catch (error) {
      if (!this.#isClosed) this.#options.observer.onFailure(error)
    }
    await control.drain(FAREWELL)
    test.close()
    this.#test = undefined
    this.#serving = undefined
    this.#tests++
  }

  #sweep(): void {
    const now = performance.now()
    for (const [socket, until] of this.#strangers) {
      if (until > now) break
      socket.abort()
    }
  }
}
