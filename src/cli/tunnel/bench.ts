import type { BenchResult } from '../../tunnel/control/bench.ts'
import { type Args, bool, defineCommand, type Flags, valueOr } from '../command.ts'
import { Exit } from '../exit.ts'
import type { Io } from '../io.ts'
import { integer, type Kind, PERIOD, TEXT } from '../kind.ts'
import { formatBytes, formatMs, formatRate, formatSeconds, plural } from '../units.ts'
import { DAEMON_FLAGS, findDaemon } from './find-daemon.ts'

const MOST = 600
const LENGTH: Kind<number> = {
  ...PERIOD,
  expects: `a number of seconds above 0, at most ${MOST}`,
  parse: (text) => {
    const seconds = PERIOD.parse(text)
    return seconds !== undefined && seconds <= MOST ? seconds : undefined
  },
}

const FLAGS = {
  ...DAEMON_FLAGS,
  seconds: valueOr(LENGTH, 5, { summary: 'how long each of the three is measured' }),
  reverse: bool({ short: 'R', summary: 'from the server to the client' }),
  streams: valueOr(integer('N', 1, 1000), 1, { short: 'P', summary: 'streams at once' }),
  service: valueOr({ ...TEXT, placeholder: 'NAME' }, 'bench', { summary: 'the service of type bench at the server' }),
} satisfies Flags

/** What setting up and winding down may take beyond the three, in milliseconds. */
const GRACE = 30_000
const PHASES = 3

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { output } = io
  const { seconds, reverse, streams, service } = args
  const daemon = await findDaemon(args, io)
  output.note(`measuring for ${formatSeconds(PHASES * seconds)}`)
  const options = { timeout: PHASES * seconds * 1000 + GRACE }
  const result = await daemon.ask<BenchResult>('bench', { seconds, reverse, streams, service }, options)
  const { bytes, rate, round_trip, requests, direction } = result
  const way = direction === 'up' ? 'client to server' : 'server to client'
  output.print(`throughput   ${formatRate(rate)}, ${way}, ${plural(streams, 'stream')}, ${formatBytes(bytes)}`)
  output.print(`round trip   median ${formatMs(round_trip.median_ms)}, 99 of 100 within ${formatMs(round_trip.p99_ms)}`)
  const { per_second, median_ms, p99_ms } = requests
  const spread = `median ${formatMs(median_ms)}, 99 of 100 within ${formatMs(p99_ms)}`
  output.print(`requests     ${Math.round(per_second)} a second, ${plural(streams, 'stream')} at once, ${spread}`)
  output.record('summary', { ...result })
  return Exit.OK
}

export const bench = defineCommand({
  name: 'bench',
  group: 'Tunnel',
  summary: 'measure what a running tunnel can do',
  description: `Through the session that there is, beside whatever else it carries: throughput, round trips of one octet, and
streams that are opened, answered and ended. Only where the server allows it: { name: bench, type: bench } in its services.
Ask the client's daemon.`,
  examples: [
    { command: 'gotcp tunnel bench', says: 'five seconds each' },
    { command: 'gotcp tunnel bench --reverse --streams 8 --seconds 2', says: 'the other way, eight at once' },
  ],
  flags: FLAGS,
  run,
})
