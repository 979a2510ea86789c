import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'

import { createLab, type Lab, labUnavailable } from '../test/real/netns.ts'

const SOURCES = join(import.meta.dirname, '../../bench')

export function refuse(reason: string): never {
  console.error(`bench: ${reason}`)
  process.exit(2)
}

/** For those who change what a veth can do. */
export function requireEthtool(): void {
  if (spawnSync('ethtool', ['--version']).error === undefined) return
  refuse('there is no ethtool. Run: apt-get install ethtool')
}

/** Compiles a program in C; its path. */
function compile(name: string, folder: string): string {
  const program = join(folder, name)
  const result = spawnSync('cc', ['-O2', '-o', program, join(SOURCES, `${name}.c`)], { encoding: 'utf8' })
  if (result.error !== undefined) refuse(`there is no C compiler for ${name}.c. Run: apt-get install gcc libc6-dev`)
  if (result.status !== 0) refuse(`${name}.c does not compile: ${result.stderr}`)
  return program
}

/** What a table was measured on. */
export const machine = (): string =>
  `Linux ${release()}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'processor unknown'}, Node ${process.version}`

/** Makes the hosts and the peer for the time of `work`, and other programs that it names. */
export async function withRig(
  hosts: readonly string[],
  work: (lab: Lab, peer: string, program: (name: string) => string) => Promise<void>,
): Promise<void> {
  const why = labUnavailable()
  if (why !== undefined) refuse(why)
  const folder = mkdtempSync(join(tmpdir(), 'gotcp-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  // The lab, too, is removed when the process exits, which a signal alone would not let it, nor one more on the way.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  const lab = createLab({ hosts })
  try {
    await work(lab, compile('peer', folder), (name) => compile(name, folder))
  } finally {
    lab.close()
  }
}
