import type { Ipv4Addr } from '../../base/address.ts'
import { Exit } from '../exit.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { type Network, throwIfLost } from '../network.ts'
import { runClient } from './engine/client.ts'
import type { Observer, TestEnd } from './engine/observer.ts'
import { type BenchArgs, parametersOf } from './flags.ts'
import { ThroughputRecords } from './report/records.ts'
import { ThroughputText } from './report/throughput-text.ts'
import { bitrate } from './report/units.ts'

/** More than anybody waits: a day in milliseconds. */
const DAY = 86_400_000

/** Where a measurement goes. */
export interface Target {
  readonly name: string
  readonly remote: Ipv4Addr
  readonly port: number
}

/** Milliseconds to wait for a connection; undefined as long as TCP does. */
export const connectTimeout = (args: BenchArgs): number | undefined => {
  const limit = args['connect-timeout']
  return limit === undefined ? undefined : Math.min(Math.max(limit * 1000, 1), DAY)
}

/** Measures throughput against a server of iperf3's protocol. */
export async function measureThroughput(
  args: BenchArgs,
  io: Io,
  network: Network,
  target: Target,
  interrupt: Interrupt,
): Promise<number> {
  const { output } = io
  let end: TestEnd | undefined
  const report: Observer = output.json
    ? new ThroughputRecords(output)
    : new ThroughputText((line) => output.print(line))
  const parameters = parametersOf(args)
  output.print(`Connecting to host ${target.name}, port ${target.port}`)
  if (parameters.reverse) output.print(`Reverse mode, remote host ${target.name} is sending`)
  interrupt.onLeave(() => network.close())
  let passed = 0
  const began = performance.now()
  interrupt.onStatus(() => `${bitrate(passed, (performance.now() - began) / 1000)} on average so far`)
  const observer: Observer = {
    onStart: (start) => report.onStart(start),
    onInterval: (start, interval) => {
      for (const { bytes } of interval.streams) passed += bytes
      report.onInterval(start, interval)
    },
    onEnd: (result) => {
      end = result
      report.onEnd(result)
    },
  }
  const isComplete = await runClient({
    host: network.host,
    remote: target.remote,
    port: target.port,
    parameters,
    interval: args.interval,
    connectTimeout: connectTimeout(args),
    observer,
    signal: AbortSignal.any([interrupt.signal, network.lost]),
  })
  throwIfLost(network)
  await network.linger()
  const isMeasured = end?.measurement.totals.some(({ counts }) => counts.bytes > 0) ?? false
  return isComplete || isMeasured ? Exit.OK : Exit.INTERRUPTED
}
