import { NetError } from '../../base/errors.ts'
import type { TcpOptionsInit } from '../../tcp/settings.ts'
import { Exit } from '../exit.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { type Network, throwIfLost } from '../network.ts'
import { formatSeconds } from '../units.ts'
import { connectTimeout, type Target } from './client-mode.ts'
import type { Histogram } from './engine/histogram.ts'
import { measureRounds, type RoundKind, type RoundsInterval } from './engine/rounds.ts'
import { type BenchArgs, parametersOf, timeOf } from './flags.ts'
import { connectionOptions } from './iperf/parameters.ts'
import { percentilesOf, roundsHeader, roundsRow, roundsSummary } from './report/rounds-text.ts'

/** Measures round trips against a server that echoes. */
export async function measureLatency(
  args: BenchArgs,
  io: Io,
  network: Network,
  target: Target,
  interrupt: Interrupt,
): Promise<number> {
  const { output } = io
  const kind: RoundKind = args.latency ? 'latency' : 'connections'
  const length = args.length ?? 1
  const what = kind === 'latency' ? 'Requests' : 'Connections'
  const bytes = `${length} byte${length === 1 ? '' : 's'}`
  output.print(`${what} of ${bytes} to ${target.name}, port ${target.port}, ${args.parallel} at once`)
  output.record('start', {
    kind,
    peer: target.name,
    peer_port: target.port,
    parallel: args.parallel,
    request_bytes: length,
    duration_ms: timeOf(args) * 1000,
  })
  interrupt.onLeave(() => network.close())
  let rows = 0
  let rounds = 0
  interrupt.onStatus(() => `${rounds} so far`)
  const result = await measureRounds({
    host: network.host,
    remote: target.remote,
    port: target.port,
    kind,
    parallel: args.parallel,
    length,
    time: timeOf(args),
    rounds: args.requests ?? 0,
    omit: args.omit,
    interval: args.interval,
    tcp: tcpOptions(args),
    signal: AbortSignal.any([interrupt.signal, network.lost]),
    onInterval: (interval) => {
      rounds += interval.round.count
      if (rows++ === 0) output.print(roundsHeader(kind))
      output.print(roundsRow(interval))
      output.record('interval', intervalRecord(interval))
    },
  })
  throwIfLost(network)
  const { round, connect, seconds } = result
  output.print('- - - - - - - - - - - - - - - - - - - - - - - - -')
  for (const line of roundsSummary(kind, result)) output.print(line)
  output.record('summary', {
    kind,
    complete: result.isComplete,
    time_ms: seconds * 1000,
    rounds: round.count,
    rounds_per_s: seconds > 0 ? round.count / seconds : 0,
    round: distribution(round),
    ...(kind === 'connections' ? { connect: distribution(connect) } : {}),
  })
  if (round.count === 0 && !result.isComplete) return Exit.INTERRUPTED
  if (round.count === 0) {
    const message = `${target.name}:${target.port} answered nothing in ${formatSeconds(seconds)}`
    throw new NetError('ETIMEDOUT', `${message}; it should send back what it gets, as gotcp bench --server does`)
  }
  await network.linger()
  return Exit.OK
}

/** What the flags ask of each connection; requests go at once whatever they say. */
function tcpOptions(args: BenchArgs): TcpOptionsInit {
  const limit = connectTimeout(args)
  const options = connectionOptions({ ...parametersOf(args), noDelay: true })
  return limit === undefined ? options : { ...options, connectTimeout: limit }
}

const intervalRecord = ({ from, to, isOmitted, round }: RoundsInterval) => ({
  from_ms: from * 1000,
  to_ms: to * 1000,
  omitted: isOmitted,
  rounds: round.count,
  rounds_per_s: to > from ? round.count / (to - from) : 0,
  round: distribution(round),
})

function distribution(histogram: Histogram) {
  const { p50, p90, p99, max } = percentilesOf(histogram)
  return {
    min_ms: histogram.count === 0 ? null : histogram.min,
    avg_ms: histogram.mean ?? null,
    p50_ms: p50 ?? null,
    p90_ms: p90 ?? null,
    p99_ms: p99 ?? null,
    p999_ms: histogram.percentile(0.999) ?? null,
    max_ms: max ?? null,
    sdev_ms: histogram.deviation ?? null,
  }
}
