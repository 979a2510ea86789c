import type { LineSettings } from './ways.ts'

/** Lines, and what goes over them. */
export interface Cell {
  readonly title: string
  readonly lines: readonly LineSettings[]
  /** Mbit/s at a constant rate; as fast as can be when absent. */
  readonly mbit?: number
  /** A transfer of so many octets; one of a time when absent. */
  readonly octets?: number
  readonly scheduler?: string
  /** When the line that was silent is mended, in seconds from the lines' start. */
  readonly upAt?: number
}

const line = (mbit: number, rtt: number, loss = 0): LineSettings => ({ mbit, rtt, loss })
const times = (count: number, settings: LineSettings): LineSettings[] => Array.from({ length: count }, () => settings)

/** Lines as they are. */
export const GOODPUT: readonly Cell[] = [
  { title: '2 x 50/20', lines: times(2, line(50, 20)) },
  { title: '3 x 50/20', lines: times(3, line(50, 20)) },
  { title: '4 x 25/20', lines: times(4, line(25, 20)) },
  { title: '50/20 + 50/100', lines: [line(50, 20), line(50, 100)] },
  { title: '50/20 + 10/200', lines: [line(50, 20), line(10, 200)] },
  { title: '20/20 + 5/300', lines: [line(20, 20), line(5, 300)] },
  { title: '80/10 + 20/80, 0.1 %', lines: [line(80, 10), line(20, 80, 0.1)] },
  { title: '2 x 50/20, 1 %', lines: times(2, line(50, 20, 1)) },
]

/** From the lines' start, which is a second or two before the flow's. */
const [DOWN, UP] = [6, 9]
const failing = (settings: LineSettings, upAt?: number): LineSettings => ({
  ...settings,
  at: upAt === undefined ? `${DOWN}s down` : `${DOWN}s down,${upAt}s up`,
})

/** A flow lasts so many seconds at least, so that what is to be seen of the faults is seen. */
export const FAULT_SECONDS = UP + 3

/** The first line falls silent. */
export const FAULTS: readonly Cell[] = [
  { title: 'bulk, 2 x 50/20', lines: [failing(line(50, 20)), line(50, 20)] },
  { title: '10 Mbit/s, 50/20 + 50/40', lines: [failing(line(50, 20)), line(50, 40)], mbit: 10 },
  {
    title: '10 Mbit/s, redundant',
    lines: [failing(line(50, 20)), line(50, 40)],
    mbit: 10,
    scheduler: 'redundant',
  },
  {
    title: 'bulk, 2 x 50/20, mended after 3 s',
    lines: [failing(line(50, 20), UP), line(50, 20)],
    upAt: UP,
  },
  {
    title: 'bulk, 2 x 50/20, silent for 0.5 s thrice',
    lines: [{ ...line(50, 20), at: '6s down,6.5s up,7s down,7.5s up,8s down,8.5s up' }, line(50, 20)],
  },
]

const TRANSFER = 16 * 1_048_576
const transfer = (lines: readonly LineSettings[]): Cell => {
  const title = lines.map(({ mbit, rtt }) => `${mbit}/${rtt}`).join(' + ')
  return { title, lines, octets: TRANSFER }
}

/** What the kernel's selftest of Multipath TCP transfers (simult_flows.sh). */
export const SIMULTANEOUS: readonly Cell[] = [
  transfer([line(10, 1), line(10, 1)]),
  transfer([line(10, 1), line(10, 100)]),
  transfer([line(30, 1), line(10, 1)]),
  transfer([line(30, 1), line(10, 100)]),
  transfer([line(30, 100), line(10, 1)]),
]

/** Octets may take 10 % longer than the lines' rates allow, and 450 ms besides: the selftest's own rule, in seconds. */
export const allowed = ({ lines, octets = 0 }: Cell): number => (octets * 8) / (0.9e6 * sumOf(lines)) + 0.45

/** Mbit/s of all lines. */
export const sumOf = (lines: readonly LineSettings[]): number => lines.reduce((total, { mbit }) => total + mbit, 0)
