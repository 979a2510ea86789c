import { type ChildProcess, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

import { firstLine, type LabHost, outputOf } from '../test/real/netns.ts'
import type { Attachment, Mode, Order, Result } from './result.ts'
import { type Measurement, PORT_OF } from './rows.ts'
import { Table } from './table.ts'

const CLIENT = join(import.meta.dirname, 'client.js')
/** The peer on the client's processor, and the one on the other. */
const PORTS = { together: 7000, apart: 7100 } as const

/** How often and how long everything is measured. */
export interface Plan {
  readonly rounds: number
  readonly ms: number
  /** Of a client in Node, before each run; the C client has its own. */
  readonly warmUp: number
}

export const QUICK: Plan = { rounds: 1, ms: 150, warmUp: 150 }
export const FULL: Plan = { rounds: 5, ms: 1000, warmUp: 2000 }

/** The command of a client in C, for a run against a port of so many milliseconds. */
export type Command = (mode: Mode, port: number, ms: number) => readonly string[]

/** Who talks to the kernel, and where. */
export interface Subject {
  readonly title: string
  readonly at: LabHost
  /** A client in Node, or one in C. */
  readonly client: Attachment | Command
}

/** The kernel itself as the client of a peer at `host`. */
export const kernelClient =
  (peer: string, host: string): Command =>
  (mode, port, ms) => [peer, mode, host, String(port), String(ms)]

const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0,1', 'true']).status === 0

/** What makes a command run on one processor, where that is possible. */
export const pin = (cpu: number): string[] => (canPin ? ['taskset', '-c', String(cpu)] : [])

/** The line of a table's head that says where the clients were. */
export const placement = canPin ? 'client on processor 0' : 'not pinned'

/** Moves the main thread of a process: its helpers, such as a compiler's, stay free as usual. */
export function pinMain(child: ChildProcess, cpu: number): void {
  if (canPin) spawnSync('taskset', ['-p', '-c', String(cpu), String(child.pid)])
}

export function spawnAt(host: LabHost, command: readonly string[]): ChildProcess {
  const [program, ...args] = command
  return host.spawn(program!, ...args)
}

/** Starts the kernel's side on both processors. */
export async function servePeers(host: LabHost, peer: string): Promise<void> {
  for (const [cpu, port] of [
    [0, PORTS.together],
    [1, PORTS.apart],
  ] as const) {
    await firstLine(spawnAt(host, [...pin(cpu), peer, 'serve', String(port)]))
  }
}

async function runNode(at: LabHost, order: Order): Promise<string> {
  const child = at.spawn(process.execPath, CLIENT, JSON.stringify(order))
  pinMain(child, 0)
  return outputOf(child)
}

async function run({ title, at, client }: Subject, measurement: Measurement, plan: Plan) {
  const { mode, together } = measurement
  const port = PORT_OF[mode] + (together ? PORTS.together : PORTS.apart)
  const { ms, warmUp } = plan
  const text =
    typeof client === 'function'
      ? await outputOf(spawnAt(at, [...pin(0), ...client(mode, port, ms)]))
      : await runNode(at, { ...client, mode, port, ms, warmUp })
  const result: Result = JSON.parse(text)
  if (result.wrong > 0) throw new Error(`${title}, ${mode}: ${result.wrong} wrong bytes`)
  return result
}

/**
 * The table of all measurements with all subjects. Every measurement once with every subject, then again from the start:
 * what disturbs one round disturbs all alike.
 */
export async function measureAll(
  subjects: readonly Subject[],
  measurements: readonly Measurement[],
  plan: Plan,
): Promise<Table> {
  const results: Map<string, Result>[][] = measurements.map(() => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [i, measurement] of measurements.entries()) {
      const byTitle = new Map<string, Result>()
      for (const subject of subjects) byTitle.set(subject.title, await run(subject, measurement, plan))
      results[i]!.push(byTitle)
    }
    console.error(`bench: round ${round} of ${plan.rounds} done`)
  }
  const titles = subjects.map(({ title }) => title)
  const table = new Table(titles)
  measurements.forEach(({ rows }, i) => {
    for (const row of rows) {
      table.add(
        row,
        new Map(titles.map((title) => [title, results[i]!.map((round) => round.get(title)![row.figure]!)])),
      )
    }
  })
  return table
}
