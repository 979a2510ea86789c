import type { Step } from '../lab/demo.ts'
import { bool, defineCommand, valueOr } from './command.ts'
import { Exit } from './exit.ts'
import { withInterrupt } from './interrupt.ts'
import { BYTES, integer, PROBABILITY } from './kind.ts'
import type { Output } from './output.ts'
import { formatBytes, formatMs, formatPercent, formatRate, formatSeconds } from './units.ts'

const COLUMNS = [26, 8, 10, 9, 12, 8, 22] as const
const HEADER = ['', 'loss', 'amount', 'time', 'rate', 'resent', 'CRC-32 sent = received']

const row = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => cell.padEnd(COLUMNS[i]!))
    .join(' ')
    .trimEnd()
const hex = (crc: number): string => crc.toString(16).padStart(8, '0')

/** One step as a row of the table. */
function describe(step: Step): string {
  const { name, loss, ping, transfer, isGood } = step
  const lost = loss > 0 ? formatPercent(loss) : 'none'
  if (ping !== undefined) {
    const rtt = ping.rttMs
    const times = rtt === undefined ? '' : `min/avg/max ${[rtt.min, rtt.avg, rtt.max].map(formatMs).join(' / ')}`
    return row([name, lost, `${ping.received} of ${ping.sent}`]) + `  ${times}`
  }
  if (transfer !== undefined) {
    const { bytes, arrived, seconds, sentCrc, arrivedCrc, retransmits } = transfer
    const sums = `${hex(sentCrc)} ${isGood ? '=' : 'IS NOT'} ${hex(arrivedCrc)}`
    const rate = formatRate((arrived * 8) / seconds)
    const amount = arrived === bytes ? formatBytes(arrived) : `${arrived} of ${bytes}`
    return row([name, lost, amount, formatSeconds(seconds), rate, String(retransmits ?? '-'), sums])
  }
  return row([name, lost]) + ` FAILED: ${step.error}`
}

function record(output: Output, step: Step): void {
  const { name, loss, isGood, ping, transfer, error } = step
  output.record('step', {
    name,
    loss,
    ok: isGood,
    ...(ping && { sent: ping.sent, received: ping.received, rtt_min_ms: ping.rttMs?.min ?? null }),
    ...(ping && { rtt_avg_ms: ping.rttMs?.avg ?? null, rtt_max_ms: ping.rttMs?.max ?? null }),
    ...(transfer && {
      bytes: transfer.bytes,
      arrived: transfer.arrived,
      time_ms: transfer.seconds * 1000,
      rate_bps: (transfer.arrived * 8) / transfer.seconds,
      retransmits: transfer.retransmits ?? null,
      crc32_sent: hex(transfer.sentCrc),
      crc32_arrived: hex(transfer.arrivedCrc),
    }),
    error: error ?? null,
  })
}

export const command = defineCommand({
  name: 'demo',
  group: 'Lab',
  summary: 'show our stack and a real kernel exchanging pings and data, then clean up',
  description:
    'Makes a lab of its own, pings both ways, carries data both ways and compares checksums, once on a good cable and\n' +
    'once on one that loses packets. Where namespaces are not allowed, or the native addon is missing, two of our\n' +
    'stacks do the same on a cable in memory.',
  examples: [
    { command: 'gotcp lab demo', says: '256 MiB each way, then again with 1% of the packets lost' },
    { command: 'gotcp lab demo --bytes 1G --loss 5%', says: 'more of both' },
    { command: 'gotcp lab demo --memory --json', says: 'without a kernel, for a program to read' },
  ],
  flags: {
    bytes: valueOr(BYTES, 256 * 1024 * 1024, { summary: 'how much to carry each way' }),
    loss: valueOr(PROBABILITY, 0.01, { summary: 'the share of packets to lose in the second round; 0 leaves it out' }),
    count: valueOr(integer('N', 1, 10_000), 10, { short: 'c', summary: 'how many pings each way' }),
    memory: bool({ summary: 'use two of our stacks in memory, even where a kernel could be had' }),
  },
  async run(args, io) {
    const { runDemo } = await import('../lab/demo.ts')
    const { output } = io
    return withInterrupt(io, async ({ signal }) => {
      const steps = await runDemo({
        bytes: args.bytes,
        pings: args.count,
        loss: args.loss,
        isInMemory: args.memory,
        signal,
        onArena: (peer, reason) => {
          output.note(
            reason === undefined
              ? 'our stack (node1, 172.20.0.2) and a Linux kernel (node2, 172.20.0.3) on one cable'
              : `two of our stacks on a cable in memory instead of a kernel: ${reason}`,
          )
          output.record('arena', { peer, reason: reason ?? null })
          output.print(row(HEADER))
        },
        onStep: (step) => {
          output.clearProgress()
          output.print(describe(step))
          record(output, step)
        },
        onProgress: (name, bytes) => output.progress(`${name}: ${formatBytes(bytes)} of ${formatBytes(args.bytes)}`),
      })
      const failed = steps.filter((step) => !step.isGood).length
      output.record('summary', { steps: steps.length, failed })
      output.note(failed === 0 ? 'all bytes arrived as they were sent' : `${failed} of ${steps.length} steps failed`)
      return failed === 0 ? Exit.OK : Exit.NETWORK
    })
  },
})
