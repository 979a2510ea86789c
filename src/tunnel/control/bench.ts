import { NetError } from '../../base/errors.ts'
import {
  ResetCode,
  type SessionStream,
  type StreamEvents,
  type StreamHost,
} from '../../session/streams/stream-types.ts'
import { BenchMode } from '../services/bench-backend.ts'
import { resetName } from '../services/reset-reason.ts'

export interface BenchOptions {
  /** The service at the server; it is of type bench. */
  readonly service: string
  /** How long each of the three is measured. */
  readonly seconds: number
  /** Streams at once. */
  readonly streams: number
  /** From the server to us. */
  readonly reverse: boolean
}

/** What a running tunnel can do. Rates in bits per second. */
export interface BenchResult {
  readonly direction: 'up' | 'down'
  readonly streams: number
  readonly seconds: number
  readonly bytes: number
  readonly rate: number
  /** One octet there and back, one after the other on one stream. */
  readonly round_trip: { readonly count: number; readonly median_ms: number; readonly p99_ms: number }
  /** Streams that were opened, answered and ended, as many at once as were asked for. */
  readonly requests: {
    readonly count: number
    readonly per_second: number
    readonly median_ms: number
    readonly p99_ms: number
  }
}

const BLOCK = new Uint8Array(65_536)
const MILLI = 1000
const BITS = 8
/** Milliseconds until a service must have shown that it measures. */
const PATIENCE = 10_000
/** What services of another type end a stream with that says nothing to them. */
const ANOTHER_TYPE: ReadonlySet<number> = new Set([ResetCode.BROKEN, ResetCode.REFUSED, ResetCode.PROTOCOL])

/** Measures through the session that there is. @throws {NetError} ERR_REFUSED when the server has no such service. */
export async function runBench(host: StreamHost, options: BenchOptions): Promise<BenchResult> {
  const { streams, reverse } = options
  await probe(host, options.service)
  const { bytes, seconds } = await throughput(host, options)
  const trips = await roundTrips(host, options)
  const requests = await manyRequests(host, options)
  return {
    direction: reverse ? 'down' : 'up',
    streams,
    seconds,
    bytes,
    rate: Math.round((bytes * BITS) / seconds),
    round_trip: { count: trips.length, ...spread(trips) },
    requests: { count: requests.length, per_second: requests.length / options.seconds, ...spread(requests) },
  }
}

/** Whether it may, before anything is measured: a service of another type does not say again what it hears, and no more. */
function probe(host: StreamHost, service: string): Promise<void> {
  const fix = 'Name one that has "type: bench" at the server'
  const isNone = new NetError('ERR_REFUSED', `The service "${service}" does not answer as one that measures. ${fix}`)
  return new Promise((resolve, reject) => {
    const stream = open(host, service, BenchMode.ECHO)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(error)
    }
    const timer = setTimeout(() => {
      stream.reset(ResetCode.CANCELLED)
      reject(isNone)
    }, PATIENCE)
    const heard: number[] = []
    stream.write(Uint8Array.of(1))
    stream.end()
    stream.events = {
      onReadable: () => {
        for (const bytes of drained(stream)) if (heard.length <= 1) heard.push(...bytes.subarray(0, 2))
        if (!stream.isEnded) return
        if (heard.length !== 1 || heard[0] !== 1) return fail(isNone)
        clearTimeout(timer)
        resolve()
      },
      onReset: (code) => fail(ANOTHER_TYPE.has(code) ? isNone : refused(code)),
    }
  })
}

async function throughput(host: StreamHost, options: BenchOptions): Promise<{ bytes: number; seconds: number }> {
  const began = performance.now()
  const until = began + options.seconds * MILLI
  const each = options.reverse ? pull : push
  const all = await Promise.all(Array.from({ length: options.streams }, () => each(host, options.service, until)))
  return { bytes: all.reduce((sum, bytes) => sum + bytes, 0), seconds: (performance.now() - began) / MILLI }
}

/** Sends until it is time; how much the other side says has come. */
function push(host: StreamHost, service: string, until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = open(host, service, BenchMode.SINK)
    let text = ''
    const fill = (): void => {
      while (performance.now() < until) if (!stream.write(BLOCK)) return
      stream.end()
    }
    stream.events = {
      onWritable: fill,
      onReadable: () => {
        for (const bytes of drained(stream)) text += new TextDecoder().decode(bytes)
        if (stream.isEnded) resolve(Number(text))
      },
      onReset: (code) => reject(refused(code)),
    }
    fill()
  })
}

/** Takes until it is time; how much came. */
function pull(host: StreamHost, service: string, until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = open(host, service, BenchMode.SOURCE)
    let bytes = 0
    const timer = setTimeout(() => {
      stream.reset(ResetCode.CANCELLED)
      resolve(bytes)
    }, until - performance.now())
    stream.events = {
      onReadable: () => {
        for (const part of drained(stream)) bytes += part.length
      },
      onReset: (code) => {
        clearTimeout(timer)
        reject(refused(code))
      },
    }
  })
}

/** Milliseconds of each. */
function roundTrips(host: StreamHost, { service, seconds }: BenchOptions): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const stream = open(host, service, BenchMode.ECHO)
    const trips: number[] = []
    const until = performance.now() + seconds * MILLI
    let asked = 0
    const ask = (): void => {
      asked = performance.now()
      stream.write(Uint8Array.of(1))
    }
    stream.events = {
      onReadable: () => {
        for (const _ of drained(stream)) {
          const now = performance.now()
          trips.push(now - asked)
          if (now < until) ask()
          else stream.end()
        }
        if (stream.isEnded) resolve(trips)
      },
      onReset: (code) => reject(refused(code)),
    }
    ask()
  })
}

async function manyRequests(host: StreamHost, options: BenchOptions): Promise<readonly number[]> {
  const times: number[] = []
  const until = performance.now() + options.seconds * MILLI
  const one = async (): Promise<void> => {
    while (performance.now() < until) times.push(await request(host, options))
  }
  await Promise.all(Array.from({ length: options.streams }, one))
  return times
}

/** Opens a stream, says an octet, hears it, and ends; how many milliseconds that took. */
function request(host: StreamHost, { service }: BenchOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const stream = open(host, service, BenchMode.ECHO)
    stream.write(Uint8Array.of(1))
    stream.end()
    stream.events = {
      onReadable: () => {
        drained(stream)
        if (stream.isEnded) resolve(performance.now() - began)
      },
      onReset: (code) => reject(refused(code)),
    } satisfies StreamEvents
  })
}

function open(host: StreamHost, service: string, mode: number): SessionStream {
  const stream = host.openStream({ service, target: '', source: '' })
  stream.write(Uint8Array.of(mode))
  return stream
}

/** All that has come. */
function drained(stream: SessionStream): readonly Uint8Array[] {
  const all: Uint8Array[] = []
  for (let bytes = stream.read(); bytes !== undefined; bytes = stream.read()) all.push(bytes)
  return all
}

/** Median and what one in a hundred is slower than. */
function spread(milliseconds: readonly number[]): { median_ms: number; p99_ms: number } {
  const sorted = [...milliseconds].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { median_ms: at(0.5), p99_ms: at(0.99) }
}

function refused(code: number): NetError {
  if (code !== ResetCode.FORBIDDEN) {
    return new NetError('ECONNRESET', `The measurement was ended by the other side: ${resetName(code)}`)
  }
  const fix = 'The server needs { name: bench, type: bench } in its services, and this user the right to open it'
  return new NetError('ERR_REFUSED', `The server has nothing to measure with. ${fix}`)
}
