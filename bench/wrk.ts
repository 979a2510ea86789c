// wrk against the same HTTP server over the kernel's TCP and over ours.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { firstLine, type LabHost, outputOf } from '../test/real/netns.ts'
import type { Result } from './result.ts'
import { type Plan, pin, pinMain, spawnAt } from './round.ts'
import type { Row } from './rows.ts'
import { Table } from './table.ts'

const SERVER = join(import.meta.dirname, 'http-server.js')
const PORT = 8080
const CONNECTIONS = 100
/** What a server answers before it is measured, in milliseconds; V8 compiles what it has seen run. */
const WARM_UP = 3000

const ROWS: readonly Row[] = [
  { title: `wrk -t1 -c${CONNECTIONS}`, figure: 'rate', unit: 'requests/s', digits: 0, up: true },
  { title: '  p50', figure: 'p50', unit: 'ms', digits: 2, up: false },
  { title: '  p99', figure: 'p99', unit: 'ms', digits: 2, up: false },
]

/** Where wrk runs and where the servers do: one at the kernel's address there, one of ours beside it. */
export interface WrkScene {
  readonly wrk: LabHost
  readonly servers: LabHost
  readonly interface: string
  readonly kernel: string
  /** With its prefix. */
  readonly ours: string
}

const MS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 6e4 }

/** The figures in what wrk prints; answers that were none, or not 200, are wrong. */
export function readWrk(text: string): Result {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)
  const percentile = (p: number): number => {
    const [, value, unit] = new RegExp(`^ +${p}% +([\\d.]+)(us|ms|s|m) *$`, 'm').exec(text) ?? []
    return Number(value) * MS[unit ?? '']!
  }
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
  const wrong = errors.reduce((sum, count) => sum + Number(count), number(/Non-2xx or 3xx responses: (\d+)/))
  return { rate: number(/Requests\/sec: +([\d.]+)/), p50: percentile(50), p99: percentile(99), wrong }
}

async function ask(wrk: LabHost, address: string, ms: number): Promise<Result> {
  const flags = ['-t1', `-c${CONNECTIONS}`, `-d${Math.max(1, Math.round(ms / 1000))}s`, '--timeout', '10s', '--latency']
  const result = readWrk(await outputOf(spawnAt(wrk, [...pin(1), 'wrk', ...flags, `http://${address}:${PORT}/`])))
  if (result.wrong > 0 || result['rate'] === 0) {
    throw new Error(`wrk at ${address}: ${result.wrong} of the answers failed, ${result['rate']} requests/s`)
  }
  return result
}

/** The table of wrk's figures, or why there is none. */
export async function compareWrk(scene: WrkScene, plan: Plan): Promise<Table | string> {
  if (spawnSync('wrk', ['--version']).error !== undefined) {
    return 'HTTP: not measured, there is no wrk. Run: apt-get install wrk'
  }
  const subjects = [
    { title: 'node:net on the kernel', address: scene.kernel, args: [] },
    { title: 'gotcp/net on AF_PACKET', address: scene.ours.split('/')[0]!, args: [scene.interface, scene.ours] },
  ]
  const samples = new Map(subjects.map(({ title }) => [title, [] as Result[]]))
  const servers = subjects.map(({ args }) => scene.servers.spawn(process.execPath, SERVER, `${PORT}`, ...args))
  for (const server of servers) {
    await firstLine(server)
    pinMain(server, 0)
  }
  if (plan.rounds > 1) for (const { address } of subjects) await ask(scene.wrk, address, WARM_UP)
  for (let round = 0; round < plan.rounds; round++) {
    for (const { title, address } of subjects) samples.get(title)!.push(await ask(scene.wrk, address, 2 * plan.ms))
  }
  for (const server of servers) server.kill('SIGKILL')
  const table = new Table(subjects.map(({ title }) => title))
  for (const row of ROWS) {
    table.add(row, new Map([...samples].map(([title, results]) => [title, results.map((r) => r[row.figure]!)])))
  }
  return table
}
