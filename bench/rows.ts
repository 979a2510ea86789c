import type { Mode, Result } from './result.ts'

/** Which of the peer's ports a mode talks to, counted from its first. */
export const PORT_OF: Readonly<Record<Mode, number>> = { send: 0, receive: 1, rr: 2, crr: 2, awake: 3 }

/** A kind of run. */
export interface Measurement {
  readonly mode: Mode
  /** Whether client and peer are kept on one processor, or on one each. */
  readonly together: boolean
  readonly rows: readonly Row[]
}

/** A line of the table: one figure of a run. */
export interface Row {
  readonly title: string
  readonly figure: keyof Result
  readonly unit: string
  readonly digits: number
  /** Whether more is better; the ratio is turned so that more than 1 is better for us. */
  readonly up: boolean
}

const bulk = (title: string): readonly Row[] => [
  { title, figure: 'gbps', unit: 'Gbit/s', digits: 2, up: true },
  { title: '  processor time of the client', figure: 'cpuPerGb', unit: 's/GB', digits: 2, up: false },
]
const latency = (where: string): readonly Row[] => [
  { title: `1 byte there and back, ${where}, p50`, figure: 'p50', unit: 'µs', digits: 1, up: false },
  { title: '  p99', figure: 'p99', unit: 'µs', digits: 1, up: false },
]
const connections = (where: string): readonly Row[] => [
  { title: `connect, 1 byte each way, close, ${where}`, figure: 'rate', unit: '/s', digits: 0, up: true },
]

/** One stream each way. */
export const BULK: readonly Measurement[] = [
  { mode: 'send', together: false, rows: bulk('client to kernel') },
  { mode: 'receive', together: false, rows: bulk('kernel to client') },
]

/** One byte there and back. */
export const LATENCIES: readonly Measurement[] = [
  { mode: 'rr', together: true, rows: latency('one processor') },
  { mode: 'rr', together: false, rows: latency('two processors') },
]

/** The same with two ends that never sleep while they wait. */
export const AWAKE: Measurement = { mode: 'awake', together: false, rows: latency('two processors, both awake') }

export const MEASUREMENTS: readonly Measurement[] = [
  ...BULK,
  ...LATENCIES,
  { mode: 'crr', together: true, rows: connections('one processor') },
  { mode: 'crr', together: false, rows: connections('two processors') },
]
