import { setTimeout as sleep } from 'node:timers/promises'
import { type Args, defineCommand, type Flags, valueOr } from '../command.ts'
import { Exit } from '../exit.ts'
import { withInterrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { integer, PERIOD } from '../kind.ts'
import type { Output } from '../output.ts'
import { formatMs, formatPercent } from '../units.ts'
import { DAEMON_FLAGS, findDaemon } from './find-daemon.ts'

const FLAGS = {
  ...DAEMON_FLAGS,
  count: valueOr(integer('N', 1), 4, { short: 'n', summary: 'how often' }),
  interval: valueOr(PERIOD, 1, { summary: 'seconds from one to the next' }),
} satisfies Flags

interface Pinged {
  readonly path: string
  readonly rtt_ms: number | null
}

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const daemon = await findDaemon(args, io)
  const { output } = io
  const times = new Map<string, (number | null)[]>()
  const [path] = args._
  await withInterrupt(io, async ({ signal }) => {
    for (let seq = 1; seq <= args.count && !signal.aborted; seq++) {
      if (seq > 1) await sleep(args.interval * 1000, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) break
      for (const pinged of await daemon.ask<readonly Pinged[]>('ping', path === undefined ? {} : { path })) {
        times.set(pinged.path, [...(times.get(pinged.path) ?? []), pinged.rtt_ms])
        const said = pinged.rtt_ms === null ? 'no answer' : `time=${formatMs(pinged.rtt_ms)}`
        output.print(`${pinged.path}: seq=${seq} ${said}`)
        output.record('reply', { ...pinged, seq })
      }
    }
    return Exit.OK
  })
  return summarize(times, output)
}

function summarize(times: ReadonlyMap<string, readonly (number | null)[]>, output: Output): number {
  let isAnswered = false
  for (const [path, all] of times) {
    const answered = all.filter((time) => time !== null)
    const lost = (all.length - answered.length) / all.length
    output.print(`--- ${path}: ${all.length} sent, ${answered.length} answered, ${formatPercent(lost)} lost`)
    const figures = { min: Math.min(...answered), avg: mean(answered), max: Math.max(...answered) }
    if (answered.length > 0) {
      isAnswered = true
      output.print(`round trip min/avg/max = ${Object.values(figures).map(formatMs).join(' / ')}`)
    }
    const known = answered.length > 0 ? figures : { min: null, avg: null, max: null }
    output.record('summary', {
      path,
      sent: all.length,
      answered: answered.length,
      min_ms: known.min,
      avg_ms: known.avg,
      max_ms: known.max,
    })
  }
  return isAnswered ? Exit.OK : Exit.NETWORK
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

export const ping = defineCommand({
  name: 'ping',
  group: 'Tunnel',
  summary: 'measure round trips inside the session, on each path',
  description: `Each question goes by one path and comes back by the same, behind whatever waits there: it is what a stream
sees. At a server paths are named USER/NUMBER. The exit code is 1 when nothing was answered.`,
  examples: [
    { command: 'gotcp tunnel ping', says: 'four times on every path that is up' },
    { command: 'gotcp tunnel ping lte -n 1 --json', says: 'one path, for scripts' },
  ],
  flags: FLAGS,
  positionals: [{ name: 'PATH', summary: 'the path, as status names it; all when left out' }],
  run,
})
