// Several lines at once: one alone, the kernel's Multipath TCP, our tunnel. npm run bench -- paths
import { positive, readFlags } from './flags.ts'
import type { Taken } from './paths/flow.ts'
import { type LineSettings, type Load, Ways } from './paths/ways.ts'
import { machine, withRig } from './rig.ts'

const MIB = 1_048_576

interface Cell {
  readonly title: string
  readonly lines: readonly LineSettings[]
  /** Mbit/s at a constant rate; as fast as can be when absent. */
  readonly mbit?: number
  readonly scheduler?: string
}

const line = (mbit: number, rtt: number, loss = 0): LineSettings => ({ mbit, rtt, loss })

const CELLS: readonly Cell[] = [
  { title: '2 x 50/20', lines: [line(50, 20), line(50, 20)] },
  { title: '3 x 50/20', lines: [line(50, 20), line(50, 20), line(50, 20)] },
  { title: '4 x 25/20', lines: [line(25, 20), line(25, 20), line(25, 20), line(25, 20)] },
  { title: '50/20 + 50/100', lines: [line(50, 20), line(50, 100)] },
  { title: '50/20 + 10/200', lines: [line(50, 20), line(10, 200)] },
  { title: '20/20 + 5/300', lines: [line(20, 20), line(5, 300)] },
  { title: '80/10 + 20/80, 0.1 %', lines: [line(80, 10), line(20, 80, 0.1)] },
  { title: '2 x 50/20, 1 %', lines: [line(50, 20, 1), line(50, 20, 1)] },
]

/** From the line's start, which is a second or two before the flow's. */
const HOLE = '6s down'
const MENDED = `${HOLE},9s up`

/** A line falls silent: how long the receiver gets nothing. */
const FAULTS: readonly Cell[] = [
  { title: 'bulk, 2 x 50/20', lines: [{ ...line(50, 20), at: HOLE }, line(50, 20)] },
  { title: '10 Mbit/s, 50/20 + 50/40', lines: [{ ...line(50, 20), at: HOLE }, line(50, 40)], mbit: 10 },
  {
    title: '10 Mbit/s, redundant',
    lines: [{ ...line(50, 20), at: HOLE }, line(50, 40)],
    mbit: 10,
    scheduler: 'redundant',
  },
  { title: 'bulk, 2 x 50/20, mended after 3 s', lines: [{ ...line(50, 20), at: MENDED }, line(50, 20)] },
]

const SUBJECTS = ['best alone', 'kernel MPTCP', 'gotcp'] as const
type Subject = (typeof SUBJECTS)[number]

async function measure(ways: Ways, { lines }: Cell, subject: Subject, load: Load): Promise<Taken> {
  return await ways.over(lines, load.window, async () => {
    if (subject === 'kernel MPTCP') return await ways.mptcp(lines.length, load)
    if (subject === 'gotcp') return await ways.tunnel(lines.length, load)
    // The one of the highest rate; of those, the nearest.
    const best = lines.reduce((a, b, i) => (b.mbit > lines[a]!.mbit ? i : a), 0)
    return await ways.alone(best, load)
  })
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Prints goodput over several lines for each way to use them. */
export async function comparePaths(args: readonly string[]): Promise<void> {
  const flags = readFlags(args, {
    cells: { type: 'string' },
    only: { type: 'string', default: SUBJECTS.join(',') },
    windows: { type: 'string', default: '8,1' },
    faults: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '12' },
  })
  const ms = positive('seconds', flags.seconds) * 1000
  const runs = positive('runs', flags.runs)
  const wanted = flags.cells?.split(';').map((title) => title.trim())
  const cells = (flags.faults ? FAULTS : CELLS).filter(({ title }) => wanted?.includes(title) ?? true)
  const subjects = SUBJECTS.filter((subject) => flags.only.split(',').includes(subject))
  await withRig(Ways.HOSTS, async (lab) => {
    const ways = new Ways(lab)
    console.log(machine())
    for (const window of flags.windows.split(',').map((mib) => positive('windows', mib) * MIB)) {
      for (const cell of cells) {
        const sum = cell.lines.reduce((total, { mbit }) => total + mbit, 0)
        const taken = new Map<Subject, Taken[]>(subjects.map((subject) => [subject, []]))
        for (let run = 0; run < runs; run++) {
          for (const subject of subjects) {
            const { mbit = 0, scheduler = 'aggregate' } = cell
            const result = await measure(ways, cell, subject, { ms, mbit, window, scheduler })
            console.error(`bench: ${cell.title}, ${subject}: ${JSON.stringify(result)}`)
            taken.get(subject)!.push(result)
          }
        }
        const words = subjects.map((subject) => {
          const mbps = median(taken.get(subject)!.map((result) => result.mbps))
          const gap = median(taken.get(subject)!.map((result) => result.gap))
          return `${subject} ${mbps.toFixed(1)} (${Math.round((100 * mbps) / sum)} %), gap ${Math.round(gap)} ms`
        })
        console.log(`${window / MIB} MiB, ${cell.title}: of ${sum} Mbit/s ${words.join(', ')}`)
      }
    }
  })
}
