import { setTimeout as sleep } from 'node:timers/promises'
import { NetError } from '../../../base/errors.ts'
import type { Host } from '../../../stack/host.ts'
import type { TcpSocket } from '../../../stack/tcp-socket.ts'
import type { ControlChannel } from '../iperf/control.ts'
import { connectionOptions, decodeParameters, type Parameters, streamsOf } from '../iperf/parameters.ts'
import { explain, State, streamId, Trouble } from '../iperf/protocol.ts'
import { decodeResults, encodeResults } from '../iperf/results.ts'
import { resultsOf } from '../iperf/results-of.ts'
import type { Door } from './door.ts'
import { Measurement } from './measurement.ts'
import type { Observer, TestStart } from './observer.ts'
import type { Stream } from './stream.ts'
import { TcpStream } from './tcp-stream.ts'
import { UdpReception } from './udp-reception.ts'

/** How long the streams of a test may take to arrive, in milliseconds. */
const STREAMS_WITHIN = 30_000
/** How much longer than announced a test may take, in milliseconds. */
const GRACE = 40_000
/** How long the reason of a failure may take to follow it on the control connection, in milliseconds. */
const REASON = 500
/** Bytes that come no later than this after others belong to a test that has ended, in milliseconds. */
const REST = 50
const LOOK_AGAIN = 2
/** How long a test may run without a single byte passing, in milliseconds, and how often that is looked at. */
const MOST_IDLE = 120_000
const LOOK = 10_000

export interface ServedTestOptions {
  readonly host: Host
  readonly door: Door
  readonly control: ControlChannel
  readonly cookie: Uint8Array
  /** Seconds between reports; 0 for none. */
  readonly interval: number
  readonly observer: Observer
}

interface Arrival {
  readonly socket: TcpSocket
  /** Which connection of the server it was: a cookie that is sent again may be overtaken by the next one. */
  readonly order: number
}

/** One test, from the server's side. */
export class ServedTest {
  readonly #options: ServedTestOptions
  readonly #arrivals: Arrival[] = []
  readonly #stop = new AbortController()
  #wanted = 0
  #onComplete: (() => void) | undefined
  #streams: readonly Stream[] = []
  #datagrams: UdpReception | undefined
  #isTerminated = false
  /** What had passed when something last did, and when that was. */
  #progress = -1
  #movedAt = 0

  constructor(options: ServedTestOptions) {
    this.#options = options
  }

  /** Whether a connection with that cookie is one of its streams, and still missing. */
  wants(cookie: Uint8Array): boolean {
    return this.#arrivals.length < this.#wanted && Buffer.compare(cookie, this.#options.cookie) === 0
  }

  join(socket: TcpSocket, order: number): void {
    this.#arrivals.push({ socket, order })
    if (this.#arrivals.length === this.#wanted) this.#onComplete?.()
  }

  /** @throws {NetError} when the client did not keep to the protocol, went away, or took too long */
  async run(): Promise<void> {
    const { control } = this.#options
    await control.sendState(State.PARAM_EXCHANGE)
    const parameters = await this.#readParameters()
    await this.#openStreams(parameters)
    const { remoteAddress: peer, remotePort: peerPort } = control.socket
    const start: TestStart = { role: 'server', peer, peerPort, parameters, streams: this.#streams }
    await control.sendState(State.TEST_START)
    const measurement = this.#measure(start)
    await control.sendState(State.TEST_RUNNING)
    const { observer } = this.#options
    observer.onStart(start)
    measurement.start()
    let state: State
    try {
      state = await this.#untilOver(parameters, measurement)
      if (state === State.TEST_END) measurement.stop(await this.#untilWhole(parameters))
    } catch (error) {
      measurement.stop()
      observer.onEnd({ start, measurement, theirs: undefined })
      await this.#tell(error).catch(() => undefined)
      throw error
    }
    measurement.stop()
    if (state === State.CLIENT_TERMINATE) {
      observer.onEnd({ start, measurement, theirs: undefined })
      throw new NetError('ECONNABORTED', `The client ${peer}:${peerPort} ended the test early`)
    }
    for (const stream of this.#streams) if (stream instanceof TcpStream) stream.socket.end()
    await this.#exchangeResults(start, measurement)
  }

  /** Ends the test, and tells the client. */
  terminate(): void {
    this.#isTerminated = true
    this.#stop.abort()
  }

  close(): void {
    for (const stream of this.#streams) stream.close()
    for (const { socket } of this.#arrivals) socket.abort()
    this.#datagrams?.close()
  }

  async #readParameters(): Promise<Parameters> {
    const { control } = this.#options
    let trouble: Trouble = Trouble.PARAMETERS
    try {
      const parameters = decodeParameters(await control.readParameters({ signal: this.#stop.signal }))
      if (typeof parameters === 'object') return parameters
      trouble = parameters
      throw new NetError('EPROTO', `The client asks for a test that we cannot do: ${explain(trouble)}`)
    } catch (error) {
      await control.sendTrouble(trouble).catch(() => undefined)
      throw error
    }
  }

  async #openStreams(parameters: Parameters): Promise<void> {
    const { control, door, host } = this.#options
    const { sending, receiving } = streamsOf(parameters, 'server')
    const total = sending + receiving
    if (parameters.protocol === 'udp') {
      const { remoteAddress, localAddress } = control.socket
      this.#datagrams = new UdpReception(host, {
        port: door.port,
        local: localAddress,
        remote: remoteAddress,
        parameters,
      })
      await control.sendState(State.CREATE_STREAMS)
      this.#streams = await this.#within(this.#datagrams.collect(total, receiving))
      return
    }
    door.change(connectionOptions(parameters))
    this.#wanted = total
    const complete = new Promise<void>((resolve) => (this.#onComplete = resolve))
    await control.sendState(State.CREATE_STREAMS)
    await this.#within(complete)
    this.#arrivals.sort((a, b) => a.order - b.order)
    this.#streams = this.#arrivals.map(
      ({ socket }, index) =>
        new TcpStream(socket, { id: streamId(index), number: index + 1, isSender: index >= receiving }),
    )
  }

  /** Waits for the streams, and no longer than they may take. */
  async #within<T>(streams: Promise<T>): Promise<T> {
    const { control, door } = this.#options
    let timer: NodeJS.Timeout | undefined
    const { signal } = this.#stop
    const late = new Promise<never>((_, reject) => {
      const give = (message: string): void => reject(new NetError('ETIMEDOUT', message))
      timer = setTimeout(() => give(`Not all streams arrived within ${STREAMS_WITHIN / 1000} s`), STREAMS_WITHIN)
      signal.addEventListener('abort', () => give('The server was ended'), { once: true })
      control.socket.closed.then(
        () => give('The client went away before its streams arrived'),
        () => give('The client went away before its streams arrived'),
      )
    })
    try {
      return await Promise.race([streams, late])
    } catch (error) {
      await control.sendTrouble(Trouble.STREAMS_MISSING).catch(() => undefined)
      throw error
    } finally {
      clearTimeout(timer)
      // What comes later is answered as any connection during a test.
      this.#wanted = 0
      door.change({})
    }
  }

  #measure(start: TestStart): Measurement {
    const { interval, observer } = this.#options
    const { omit, length, bitrate } = start.parameters
    return new Measurement({
      streams: this.#streams,
      omit,
      time: undefined,
      bytes: undefined,
      interval,
      length,
      bitrate,
      onInterval: (each) => observer.onInterval(start, each),
    })
  }

  async #exchangeResults(start: TestStart, measurement: Measurement): Promise<void> {
    const { control, observer } = this.#options
    await control.sendState(State.EXCHANGE_RESULTS)
    const theirs = decodeResults(
      await control.readResults({ signal: this.#stop.signal }),
      new Set(this.#streams.map(({ id }) => id)),
    )
    if (theirs === undefined) {
      await control.sendTrouble(Trouble.RESULTS)
      throw new NetError('EPROTO', 'The client sends results that make no sense')
    }
    await control.sendJson(encodeResults(resultsOf(measurement, start.parameters)))
    await control.sendState(State.DISPLAY_RESULTS)
    observer.onEnd({ start, measurement, theirs })
    // A client that just goes when it has all it wants does no harm.
    await control.expect([State.IPERF_DONE]).catch(() => undefined)
  }

  /** What the client says when the test is over, by its end or before. */
  async #untilOver({ time, omit }: Parameters, measurement: Measurement): Promise<State> {
    const patience = time > 0 ? (time + omit) * 1000 + GRACE : Number.POSITIVE_INFINITY
    const { signal } = this.#stop
    const heard = this.#options.control.expect([State.TEST_END, State.CLIENT_TERMINATE], { patience, signal })
    heard.catch(() => undefined)
    // A stream that breaks is a symptom; the client may be about to tell why.
    const broken = measurement.finished.then(
      () => heard,
      (error: unknown) => Promise.race([heard, sleep(REASON).then(() => Promise.reject(error))]),
    )
    const watch = setInterval(() => this.#watch(measurement), LOOK)
    try {
      return await Promise.race([heard, broken])
    } finally {
      clearInterval(watch)
    }
  }

  /**
   * The end of a test of so many bytes may overtake the last of them, which belong to it. Resolves with when the last
   * came, in milliseconds.
   */
  async #untilWhole({ bytes }: Parameters): Promise<number> {
    const receiving = this.#streams.filter(({ isSender }) => !isSender)
    let before = -1
    let last = performance.now()
    for (;;) {
      const now = performance.now()
      const passed = receiving.reduce((sum, stream) => sum + stream.counts().bytes, 0)
      if (passed !== before) last = now
      if (passed >= bytes || now - last > REST || receiving.length === 0) return last
      before = passed
      await sleep(LOOK_AGAIN)
    }
  }

  /** Ends a test in which nothing happens any more. */
  #watch({ progress }: Measurement): void {
    const now = performance.now()
    if (progress !== this.#progress) this.#movedAt = now
    this.#progress = progress
    if (now - this.#movedAt >= MOST_IDLE) this.#stop.abort()
  }

  /** Tells the client why we end the test. */
  #tell(error: unknown): Promise<void> {
    const { control } = this.#options
    if (this.#isTerminated) return control.sendState(State.SERVER_TERMINATE)
    if (this.#stop.signal.aborted) return control.sendTrouble(Trouble.NO_DATA)
    const isLate = error instanceof NetError && error.code === 'ETIMEDOUT'
    return control.sendTrouble(isLate ? Trouble.TOO_LONG : Trouble.UNKNOWN_MESSAGE)
  }
}
