// Several lines at once: each alone, the kernel's Multipath TCP, our tunnel. npm run bench -- paths
import { readFileSync } from 'node:fs'
import { positive, readFlags } from './flags.ts'
import { type Cell, FAULT_SECONDS, FAULTS, GOODPUT, SIMULTANEOUS } from './paths/cells.ts'
import type { Taken } from './paths/flow.ts'
import { faults, goodput, type Run, simultaneous } from './paths/rows.ts'
import { type Load, type Measured, Ways } from './paths/ways.ts'
import { machine, refuse, withRig } from './rig.ts'
import { markdown } from './table.ts'

const MIB = 1_048_576
/** A transfer of so many octets takes as long as it takes. */
const NO_END = 600_000

interface Plan {
  readonly subjects: readonly string[]
  readonly ms: number
  readonly window: number
}

/** Prints goodput over several lines, the gap when one fails, or how long a transfer takes. */
export async function comparePaths(args: readonly string[]): Promise<void> {
  const flags = readFlags(args, {
    cells: { type: 'string' },
    only: { type: 'string', default: 'alone,mptcp,gotcp' },
    windows: { type: 'string', default: '8,1' },
    congestion: { type: 'string' },
    faults: { type: 'boolean', default: false },
    simultaneous: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '12' },
  })
  const [all, rows] = flags.faults
    ? ([FAULTS, faults] as const)
    : flags.simultaneous
      ? ([SIMULTANEOUS, simultaneous] as const)
      : ([GOODPUT, goodput] as const)
  const wanted = flags.cells?.split(';').map((title) => title.trim())
  const cells = all.filter(({ title }) => wanted?.includes(title) ?? true)
  const runs = positive('runs', flags.runs)
  const subjects = flags.only.split(',').filter((subject) => rows.needsAlone || subject !== 'alone')
  const seconds = positive('seconds', flags.seconds)
  if (flags.faults && seconds < FAULT_SECONDS) {
    refuse(`--seconds ${seconds} ends before the faults do: use --seconds ${FAULT_SECONDS}`)
  }
  const plan = { subjects, ms: seconds * 1000 }
  const control = flags.congestion ?? readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()
  await withRig(Ways.HOSTS, async (lab) => {
    const ways = new Ways(lab, control)
    for (const window of flags.windows.split(',').map((mib) => positive('windows', mib) * MIB)) {
      const table: (readonly string[])[] = [rows.head]
      for (const cell of cells) {
        const taken: Run[] = []
        for (let run = 0; run < runs; run++) taken.push(await measure(ways, cell, { ...plan, window }))
        table.push([cell.title, ...rows.row(cell, taken)])
      }
      console.log(`${machine()}, ${control}, windows of ${window / MIB} MiB\n\n${markdown(table)}\n`)
    }
  })
}

/** Each line alone where that is a figure, and both ways to use all of them. */
async function measure(ways: Ways, cell: Cell, { subjects, ms, window }: Plan): Promise<Run> {
  const { lines, mbit = 0, octets = 0, scheduler = 'aggregate' } = cell
  const load: Load = { ms: octets > 0 ? NO_END : ms, octets, mbit, window, scheduler }
  const take = async (what: string, over: typeof lines, work: () => Promise<Taken>): Promise<Measured> => {
    const taken = await ways.over(over, window, work)
    console.error(`bench: ${cell.title}, ${what}: ${JSON.stringify(taken)}`)
    return taken
  }
  // Lines that are equal are one.
  const alone = new Map<string, Measured>()
  for (const line of subjects.includes('alone') ? lines : []) {
    const key = JSON.stringify(line)
    if (!alone.has(key)) alone.set(key, await take(`${line.mbit}/${line.rtt} alone`, [line], () => ways.alone(load)))
  }
  const all: { mptcp?: Measured; gotcp?: Measured } = {}
  if (subjects.includes('mptcp')) all.mptcp = await take('MPTCP', lines, () => ways.mptcp(lines.length, load))
  if (subjects.includes('gotcp')) all.gotcp = await take('gotcp', lines, () => ways.tunnel(lines.length, load))
  return { alone: lines.flatMap((line) => alone.get(JSON.stringify(line)) ?? []), ...all }
}
