import type { TunnelStep } from '../lab/tunnel/demo.ts'
import { type LaidLine, type LinePlan, MAX_LINES, MIN_LINES } from '../lab/tunnel/plan.ts'
import { type Args, defineCommand, type Flags, value } from './command.ts'
import { Exit } from './exit.ts'
import { withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { BYTES, type Kind } from './kind.ts'
import { type Expectation, expectations, type Outcome } from './lab-tunnel/expectations.ts'
import { LINES_HEADER, lineRow, STEPS_HEADER, stepRow, stepTitle } from './lab-tunnel/table.ts'
import type { Output } from './output.ts'
import { formatBytes, formatRate } from './units.ts'

const DEFAULT_LINES = '50/20,50/20,20/60'
const DEFAULT_SIZE = 100 * 1024 * 1024
const MEGA = 1e6
const MOST_MBIT = 10_000
const MOST_MS = 10_000

/** `50/20`: Mbit/s, and milliseconds there and back. */
function parseLine(text: string): LinePlan | undefined {
  const match = /^(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(text.trim())
  const [mbit, ms] = [Number(match?.[1]), Number(match?.[2])]
  if (!(mbit >= 0.1 && mbit <= MOST_MBIT && ms <= MOST_MS)) return undefined
  return { rate: Math.round(mbit * MEGA), rtt: Math.round(ms * 1000) }
}

const LINES: Kind<readonly LinePlan[]> = {
  placeholder: 'LINES',
  expects: `${MIN_LINES} to ${MAX_LINES} lines such as ${DEFAULT_LINES}, each in Mbit/s and ms there and back`,
  parse: (text) => {
    const lines = text.split(',').map(parseLine)
    const all = lines.filter((line) => line !== undefined)
    return all.length === lines.length && all.length >= MIN_LINES && all.length <= MAX_LINES ? all : undefined
  },
}

/** Less says nothing about a rate. */
const LEAST_SIZE = 65_536

const SIZE: Kind<number> = {
  ...BYTES,
  expects: 'a number of bytes such as 20M, 64K at least',
  parse: (text) => {
    const size = BYTES.parse(text)
    return size !== undefined && size >= LEAST_SIZE ? size : undefined
  },
}

const FLAGS = {
  lines: value(LINES, {
    summary: `the lines, each in Mbit/s and ms there and back; the last leads to a SOCKS5 proxy (default: ${DEFAULT_LINES})`,
  }),
  size: value(SIZE, { summary: 'how much each transfer carries (default: 100M)' }),
} satisfies Flags

function recordStep(output: Output, lines: readonly LaidLine[], step: TunnelStep): void {
  const { name, transfer, shares, carriedAfter } = step
  const { sent, arrived, seconds, sentSha256, arrivedSha256, gap } = transfer
  output.record('step', {
    name,
    sent_bytes: sent,
    arrived_bytes: arrived,
    time_ms: seconds * 1000,
    rate_bps: (arrived * 8) / seconds,
    shares: Object.fromEntries(lines.map((line, i) => [line.name, shares[i]])),
    gap_ms: gap,
    carried_after_ms: carriedAfter ?? null,
    sha256_sent: sentSha256,
    sha256_arrived: arrivedSha256,
  })
}

function recordLine(output: Output, { name, rate, rtt, isProxied }: LaidLine): void {
  output.record('line', { name, rate_bps: rate, rtt_ms: rtt / 1000, proxy: isProxied ? 'socks5' : null })
}

function report(output: Output, outcome: Outcome): readonly Expectation[] {
  const all = expectations(outcome)
  output.print()
  output.print(LINES_HEADER)
  outcome.lines.forEach((line, i) => {
    output.print(lineRow(line, i, outcome))
  })
  output.print()
  for (const { isMet, text } of all) {
    output.print(`${isMet ? output.paint('green', '✓') : output.paint('red', '✗')} ${text}`)
    output.record('expectation', { ok: isMet, text })
  }
  return all
}

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { runTunnelDemo } = await import('../lab/tunnel/demo.ts')
  const { output } = io
  let lines: readonly LaidLine[] = []
  return withInterrupt(io, async ({ signal }) => {
    output.progress('making the hosts and the lines')
    const steps = await runTunnelDemo({
      lines: args.lines ?? LINES.parse(DEFAULT_LINES)!,
      octets: args.size ?? DEFAULT_SIZE,
      signal,
      onReady: (laid, shaper) => {
        lines = laid
        const slow =
          shaper === 'tbf' ? "the kernel's token bucket filter" : 'gotcp itself, for want of tbf in the kernel'
        output.note(`a client and a server, ${lines.length} lines between them; rates by ${slow}, delays by gotcp`)
        output.record('start', { shaper })
        for (const line of lines) recordLine(output, line)
        output.print(STEPS_HEADER)
      },
      onStep: (step) => {
        output.clearProgress()
        output.print(stepRow(step, lines))
        recordStep(output, lines, step)
      },
      onProgress: ({ name, arrived, rates }) => {
        const each = lines.map((line, i) => `${line.name} ${formatRate(Math.max(0, rates[i]!))}`)
        output.progress(`${stepTitle(name, lines)}: ${formatBytes(arrived)}  ${each.join('  ')}`)
      },
    })
    const failed = report(output, { lines, steps }).filter(({ isMet }) => !isMet).length
    output.record('summary', { failed })
    return failed === 0 ? Exit.OK : Exit.NETWORK
  })
}

export const command = defineCommand({
  name: 'tunnel',
  group: 'Lab',
  summary: 'show several lines carrying one stream, one of them cut on the way, then clean up',
  description: `Makes two hosts with real kernels, lines of limited rate between them, the last of these behind a SOCKS5 proxy,
and a tunnel over all of them: TLS, password and all. Then something is carried over the best line alone, over all lines,
and over all while the best of them is cut for two seconds. Says what came of it, and removes everything again; exit code 1
when it was not as it should be. Works as root, or where unprivileged user namespaces are allowed.`,
  examples: [
    { command: 'gotcp lab tunnel', says: '100 MiB, over lines of 50, 50 and 20 Mbit/s' },
    { command: 'gotcp lab tunnel --lines 20/20,5/300 --size 20M', says: 'two lines that could hardly be less alike' },
  ],
  flags: FLAGS,
  run,
})
