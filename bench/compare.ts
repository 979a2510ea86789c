// Our stack beside the kernel, on the same wire, in one run: npm run bench [-- --quick]
import { type ChildProcess, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

import { firstLine, type Lab, type LabHost, outputOf } from '../test/real/netns.ts'
import { readFlags } from './flags.ts'
import type { Attachment, Order, Result } from './result.ts'
import { machine, withRig } from './rig.ts'
import { MEASUREMENTS, type Measurement, PORT_OF } from './rows.ts'
import { Table } from './table.ts'

const CLIENT = join(import.meta.dirname, 'client.js')
const KERNEL = 'kernel'
/** The peer on the client's processor, and the one on the other. */
const PORTS = { together: 7000, apart: 7100 } as const

interface Plan {
  readonly rounds: number
  readonly ms: number
  /** Of our client, before each run; the kernel's has its own. */
  readonly warmUp: number
  readonly isQuick: boolean
}

/** Who talks to the kernel, and where. */
interface Subject {
  readonly title: string
  readonly host: LabHost
  readonly attachment: Attachment | typeof KERNEL
}

const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0,1', 'true']).status === 0
const pin = (cpu: number): string[] => (canPin ? ['taskset', '-c', String(cpu)] : [])

function spawnAt(host: LabHost, command: readonly string[]): ChildProcess {
  const [program, ...args] = command
  return host.spawn(program!, ...args)
}

async function servePeers(host: LabHost, peer: string): Promise<void> {
  for (const [cpu, port] of [
    [0, PORTS.together],
    [1, PORTS.apart],
  ] as const) {
    await firstLine(spawnAt(host, [...pin(cpu), peer, 'serve', String(port)]))
  }
}

/** Our client moves its own main thread to the processor: its helpers, such as the compiler's, stay free as usual. */
async function runOurs(host: LabHost, order: Order): Promise<string> {
  const child = host.spawn(process.execPath, CLIENT, JSON.stringify(order))
  if (canPin) spawnSync('taskset', ['-p', '-c', '0', String(child.pid)])
  return outputOf(child)
}

async function run(subject: Subject, { mode, together }: Measurement, plan: Plan, peer: string): Promise<Result> {
  const port = PORT_OF[mode] + (together ? PORTS.together : PORTS.apart)
  const { attachment, host } = subject
  const { ms, warmUp } = plan
  const text =
    attachment === KERNEL
      ? await outputOf(spawnAt(host, [...pin(0), peer, mode, '10.0.0.2', String(port), String(ms)]))
      : await runOurs(host, { attachment, mode, port, ms, warmUp })
  const result: Result = JSON.parse(text)
  if (result.wrong > 0) throw new Error(`${subject.title}, ${mode}: ${result.wrong} wrong bytes`)
  return result
}

/** Every measurement once with every subject, then again from the start: what disturbs one round disturbs all alike. */
async function runAll(subjects: readonly Subject[], plan: Plan, peer: string): Promise<Map<string, Result>[][]> {
  const results: Map<string, Result>[][] = MEASUREMENTS.map(() => [])
  for (let round = 0; round < plan.rounds; round++) {
    for (const [i, measurement] of MEASUREMENTS.entries()) {
      const byTitle = new Map<string, Result>()
      for (const subject of subjects) byTitle.set(subject.title, await run(subject, measurement, plan, peer))
      results[i]!.push(byTitle)
    }
    console.error(`bench: round ${round + 1} of ${plan.rounds} done`)
  }
  return results
}

function print(subjects: readonly Subject[], plan: Plan, results: readonly Map<string, Result>[][]): void {
  const titles = subjects.map((subject) => subject.title)
  const table = new Table(titles)
  MEASUREMENTS.forEach((measurement, i) => {
    for (const row of measurement.rows) {
      const samples = titles.map(
        (title) => [title, results[i]!.map((round) => round.get(title)![row.figure]!)] as const,
      )
      table.add(row, new Map(samples))
    }
  })
  const pinned = canPin ? 'client on processor 0' : 'not pinned'
  console.log(machine())
  console.log(
    `veth, MTU 1500, offloads as they come; congestion control: cubic on both sides; ${pinned}; ` +
      `median [min–max] of ${plan.rounds} × ${plan.ms} ms, interleaved; a ratio above 1 is better than the kernel`,
  )
  console.log(`\n${table}`)
}

async function bench(lab: Lab, peer: string, plan: Plan): Promise<void> {
  lab.veth('client', 'peer', { client: '10.0.0.1/24', peer: '10.0.0.2/24' })
  for (const name of ['client', 'peer', 'tap']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  await servePeers(lab.host('peer'), peer)
  await servePeers(lab.host('tap'), peer)
  const client = lab.host('client')
  const subjects: Subject[] = [
    { title: 'kernel', host: client, attachment: KERNEL },
    { title: 'AF_PACKET, own address', host: client, attachment: 'packet' },
    { title: 'gotcp/net on AF_PACKET', host: client, attachment: 'node' },
    { title: 'AF_PACKET, shared address', host: client, attachment: 'shared' },
    { title: 'TAP', host: lab.host('tap'), attachment: 'tap' },
  ]
  const chosen = plan.isQuick ? subjects.filter(({ attachment }) => attachment !== 'shared') : subjects
  print(chosen, plan, await runAll(chosen, plan, peer))
}

/** Prints our stack in all its attachments beside the kernel. */
export async function compareWithKernel(args: readonly string[]): Promise<void> {
  const { quick: isQuick } = readFlags(args, { quick: { type: 'boolean', default: false } })
  const plan = isQuick ? { rounds: 1, ms: 150, warmUp: 150, isQuick } : { rounds: 5, ms: 1000, warmUp: 2000, isQuick }
  await withRig(['client', 'peer', 'tap'], (lab, peer) => bench(lab, peer, plan))
}
