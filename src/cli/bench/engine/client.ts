import { setTimeout as sleep } from 'node:timers/promises'
import { formatIpv4, type Ipv4Addr } from '../../../base/address.ts'
import { NetError } from '../../../base/errors.ts'
import type { Host } from '../../../stack/host.ts'
import type { UdpSocket } from '../../../stack/udp-socket.ts'
import { ControlChannel } from '../iperf/control.ts'
import { connectionOptions, encodeParameters, type Parameters, streamsOf } from '../iperf/parameters.ts'
import { isWelcome, makeCookie, State, streamId, UDP_BUFFER, UDP_HELLO, UDP_WELCOME } from '../iperf/protocol.ts'
import { decodeResults, encodeResults, type Results } from '../iperf/results.ts'
import { resultsOf } from '../iperf/results-of.ts'
import { Measurement } from './measurement.ts'
import type { Observer, TestStart } from './observer.ts'
import type { Stream } from './stream.ts'
import { TcpStream } from './tcp-stream.ts'
import { UdpStream } from './udp-stream.ts'

/** How long the reason of a failure may take to follow it on the control connection, in milliseconds. */
const REASON = 500
/** How long a server may take to hear our farewell, in milliseconds. */
const FAREWELL = 1000
/** How often a UDP stream asks to be let in, and after how long it gives up, in milliseconds. */
const ASK_AGAIN = 2000
const ASK_UNTIL = 10_000

export interface ClientOptions {
  readonly host: Host
  readonly remote: Ipv4Addr
  readonly port: number
  /** `length` 0 takes what fits a packet. */
  readonly parameters: Parameters
  /** Seconds between reports; 0 for none. */
  readonly interval: number
  /** Milliseconds; undefined waits as long as TCP does. */
  readonly connectTimeout: number | undefined
  readonly observer: Observer
  /** Ends the test early. */
  readonly signal: AbortSignal
}

/**
 * Runs one test against an iperf3 server. True when it came to its end, false when the signal ended it.
 * @throws {NetError} ECONNREFUSED, EBUSY, EPROTO, …
 */
export async function runClient(options: ClientOptions): Promise<boolean> {
  const { host, remote, port, connectTimeout, signal } = options
  const patience = connectTimeout === undefined ? {} : { connectTimeout }
  const socket = await host.tcp.connect({ host: remote, port, signal, ...patience })
  const control = new ControlChannel(socket)
  const streams: Stream[] = []
  try {
    return await converse(options, control, streams)
  } finally {
    for (const stream of streams) stream.close()
    await control.drain(FAREWELL)
  }
}

async function converse(options: ClientOptions, control: ControlChannel, streams: Stream[]): Promise<boolean> {
  const { signal, observer } = options
  const start = await negotiate(options, control, streams)
  const measurement = measurementOf(options, start)
  observer.onStart(start)
  measurement.start()
  const answer = control.expect([State.EXCHANGE_RESULTS], { patience: Number.POSITIVE_INFINITY })
  answer.catch(() => undefined)
  let theirs: Results | undefined
  try {
    await firstOf(measurement, answer, signal)
    measurement.stop()
    if (signal.aborted) await control.sendState(State.CLIENT_TERMINATE)
    else theirs = await exchange(control, { start, measurement, answer }, signal)
  } catch (error) {
    if (!signal.aborted) throw await reasonFor(error, answer)
  } finally {
    measurement.stop()
    observer.onEnd({ start, measurement, theirs })
  }
  if (theirs !== undefined) await control.sendState(State.IPERF_DONE)
  return theirs !== undefined
}

/** Says what the test is to be and opens its streams; the server is ready when it resolves. */
async function negotiate(options: ClientOptions, control: ControlChannel, streams: Stream[]): Promise<TestStart> {
  const { signal, remote, port } = options
  const parameters = withLength(options.parameters, control)
  const cookie = makeCookie()
  await control.socket.write(cookie)
  await control.expect([State.PARAM_EXCHANGE], { signal })
  await control.sendJson(encodeParameters(parameters))
  await control.expect([State.CREATE_STREAMS], { signal })
  await openStreams({ ...options, parameters }, cookie, streams)
  await control.expect([State.TEST_START], { signal })
  await control.expect([State.TEST_RUNNING], { signal })
  return { role: 'client', peer: formatIpv4(remote), peerPort: port, parameters, streams }
}

function measurementOf({ interval, observer }: ClientOptions, start: TestStart): Measurement {
  const { time, bytes, omit, length, bitrate } = start.parameters
  return new Measurement({
    streams: start.streams,
    omit,
    time: time > 0 ? time : undefined,
    bytes: bytes > 0 ? bytes : undefined,
    interval,
    length,
    bitrate,
    onInterval: (each) => observer.onInterval(start, each),
  })
}

/** A test that runs, and what the server says next. */
interface Run {
  readonly start: TestStart
  readonly measurement: Measurement
  readonly answer: Promise<State>
}

/** Ends the test and tells what we counted for what the server did. */
async function exchange(
  control: ControlChannel,
  { start, measurement, answer }: Run,
  signal: AbortSignal,
): Promise<Results> {
  await control.sendState(State.TEST_END)
  await control.within(answer, { signal })
  await control.sendJson(encodeResults(resultsOf(measurement, start.parameters)))
  const ids = new Set(start.streams.map(({ id }) => id))
  const theirs = decodeResults(await control.readResults({ signal }), ids)
  if (theirs === undefined) throw control.error('EPROTO', 'sends results that make no sense')
  await control.expect([State.DISPLAY_RESULTS], { signal })
  return theirs
}

/** The end of the test, of the patience of the user, or of the server. */
async function firstOf(measurement: Measurement, answer: Promise<State>, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => undefined
  const interrupted = new Promise<void>((resolve) => (onAbort = resolve))
  const unasked = answer.then(() => {
    throw new NetError('EPROTO', 'The iperf3 server wants to exchange results before the test is over')
  })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (!signal.aborted) await Promise.race([measurement.finished, interrupted, unasked])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** A stream that breaks is a symptom; what the server says about it, if anything, is the reason. */
async function reasonFor(error: unknown, answer: Promise<State>): Promise<unknown> {
  const reason = answer.then(
    () => error,
    (found: unknown) => found,
  )
  return Promise.race([reason, sleep(REASON, error)])
}

/** Without a length, a datagram is as long as what TCP sends in one packet. */
function withLength(parameters: Parameters, control: ControlChannel): Parameters {
  return parameters.length > 0 ? parameters : { ...parameters, length: control.socket.info().mss }
}

type OpenOptions = ClientOptions & { readonly parameters: Parameters }

/** One after the other, since the server numbers them as they come: those that send, then those that receive. */
async function openStreams(options: OpenOptions, cookie: Uint8Array, streams: Stream[]): Promise<void> {
  const { sending, receiving } = streamsOf(options.parameters, 'client')
  for (let index = 0; index < sending + receiving; index++) {
    const about = { id: streamId(index), number: index + 1, isSender: index < sending }
    const isTcp = options.parameters.protocol === 'tcp'
    streams.push(await (isTcp ? openTcp(options, cookie, about) : openUdp(options, about)))
  }
}

interface About {
  readonly id: number
  readonly number: number
  readonly isSender: boolean
}

async function openTcp(options: OpenOptions, cookie: Uint8Array, about: About): Promise<Stream> {
  const { host, remote, port, parameters, signal } = options
  const socket = await host.tcp.connect({
    host: remote,
    port,
    ...connectionOptions(parameters),
    signal,
  })
  await socket.write(cookie)
  return new TcpStream(socket, about)
}

async function openUdp(options: OpenOptions, about: About): Promise<Stream> {
  const { host, remote, port, parameters, signal } = options
  const { length, wideCounters, window, tos } = parameters
  const buffer = window ?? UDP_BUFFER
  const socket = host.udp.open({ receiveBuffer: buffer, sendBuffer: buffer, tos })
  try {
    socket.connect(remote, port)
    await askIn(socket, signal)
  } catch (error) {
    socket.close()
    throw error
  }
  const local = socket.localAddress
  return new UdpStream(socket, {
    ...about,
    remote,
    remotePort: port,
    local,
    isWide: wideCounters,
    length,
    isAlone: true,
  })
}

/** Says who we are until the server answers; it numbers us when it first hears us. */
async function askIn(socket: UdpSocket, signal: AbortSignal): Promise<void> {
  for (let waited = 0; waited < ASK_UNTIL; waited += ASK_AGAIN) {
    await socket.send(UDP_HELLO)
    const late = AbortSignal.timeout(ASK_AGAIN)
    try {
      // In a reverse test, the first datagrams of the test may overtake the answer, which then is not needed any more.
      const { data } = await socket.receive({ signal: AbortSignal.any([late, signal]) })
      if (data.length > UDP_WELCOME.length || isWelcome(data)) return
    } catch (error) {
      if (!late.aborted || signal.aborted) throw error
    }
  }
  const where = `${socket.remoteAddress}:${socket.remotePort}`
  throw new NetError('ETIMEDOUT', `Cannot open a UDP stream to ${where}: no answer within ${ASK_UNTIL / 1000} s`)
}
