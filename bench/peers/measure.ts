import { spawnSync } from 'node:child_process'

import { firstLine, outputOf } from '../../test/real/netns.ts'
import type { Result } from '../result.ts'
import { pin, spawnAt } from '../round.ts'
import { type Measurement, PORT_OF } from '../rows.ts'
import { cpuSeconds, residentKib, slabKib, tree } from './process-tree.ts'
import type { Failure } from './ranking.ts'
import type { Served } from './site.ts'

/** What a run may take beyond its time before it counts as failed. */
const PATIENCE_MS = 20_000
const ECHO = PORT_OF.rr
/** The first connections bring code and pools with them that the others share. */
const EARLY_MS = 200

/** Runs a mode of the C client to its end; it fails where it takes too long, or sees wrong bytes. */
export async function runClient(
  served: Served,
  peer: string,
  { mode, port }: { readonly mode: string; readonly port: number },
  amount: number,
): Promise<Result> {
  const command = [...pin(0), peer, mode, served.host, String(served.port + port), String(amount)]
  const child = spawnAt(served.client, command)
  const timer = setTimeout(() => child.kill('SIGKILL'), amount + PATIENCE_MS)
  try {
    const result: Result = JSON.parse(await outputOf(child))
    if (result.wrong > 0) throw new Error(`${result.wrong} wrong`)
    return result
  } finally {
    clearTimeout(timer)
  }
}

/** What a run that threw is in the table. */
export function failureOf(error: unknown): Failure {
  const { message } = error as Error
  const isLate = message.endsWith('SIGKILL')
  return { failure: isLate ? 'it takes too long' : message.replace(/^.* (ended with)/, 'the client $1') }
}

/** All threads of the server on the client's processor; or its first on the other one, and the rest where they like. */
function place({ pid }: Served, together: boolean): void {
  if (pin(0).length === 0) return
  for (const each of tree(pid)) {
    spawnSync('taskset', ['-a', '-p', '-c', together ? '0' : '0,1', String(each)])
    if (!together) spawnSync('taskset', ['-p', '-c', '1', String(each)])
  }
}

/** Throughput, latency or connections; the processor time is the server's. */
export async function measureSpeed(
  served: Served,
  peer: string,
  { mode, together }: Measurement,
  ms: number,
): Promise<Result> {
  place(served, together)
  const before = cpuSeconds(served.pid)
  const result = await runClient(served, peer, { mode, port: PORT_OF[mode] }, ms)
  const bytes = (result['bytes'] ?? 0) + (result['early'] ?? 0)
  return { ...result, cpuPerGb: (cpuSeconds(served.pid) - before) / (bytes / 1e9) }
}

/** What the server grows by for each connection that is only held, in KiB; afterwards every one of them answers. */
export async function measureHeld(served: Served, peer: string, count: number): Promise<number> {
  // Both ends of the kernel's connections are in its slabs.
  const kib = served.contender.isKernel ? () => slabKib() / 2 : () => residentKib(served.pid)
  await runClient(served, peer, { mode: 'crr', port: ECHO }, EARLY_MS)
  const before = kib()
  const holder = spawnAt(served.client, [peer, 'hold', served.host, String(served.port + ECHO), String(count)])
  const timer = setTimeout(() => holder.kill('SIGKILL'), PATIENCE_MS)
  try {
    await firstLine(holder)
    const after = kib()
    const said = outputOf(holder)
    holder.stdin!.end('\n')
    const { wrong }: Result = JSON.parse(await said)
    if (wrong > 0) throw new Error(`${wrong} of ${count} connections do not answer`)
    return (after - before) / count
  } finally {
    clearTimeout(timer)
  }
}
