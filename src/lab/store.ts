import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LabError } from './error.ts'
import { type Host, Lab } from './lab.ts'
import { DEFAULT_LAB } from './topology.ts'

/**
 * Where a lab that outlives its command is written down: one folder for each
 * user and lab name, readable by that user only.
 */
export class LabStore {
  readonly folder: string
  /** The flag that chooses this lab, with a space before it; empty for the usual one. */
  readonly flag: string
  readonly #file: string

  constructor(name: string, env: NodeJS.ProcessEnv = process.env) {
    const uid = process.getuid?.() ?? 0
    const ours = join(env['XDG_RUNTIME_DIR'] ?? tmpdir(), `gotcp-lab-${uid}`)
    if (existsSync(ours) && statSync(ours).uid !== uid) throw new LabError(`${ours} belongs to another user`)
    this.folder = join(ours, name)
    this.flag = name === DEFAULT_LAB ? '' : ` --name ${name}`
    this.#file = join(this.folder, 'lab.json')
  }

  /** The lab as it was saved, or undefined. Whether it still is up is another question. */
  load(): Lab | undefined {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8')
    } catch {
      return undefined
    }
    try {
      return new Lab((JSON.parse(text) as { hosts: Host[] }).hosts)
    } catch {
      throw new LabError(`${this.#file} is damaged; remove it and the lab is forgotten`)
    }
  }

  save(lab: Lab): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    writeFileSync(this.#file, JSON.stringify({ v: 1, hosts: lab.hosts }, null, 2) + '\n', { mode: 0o600 })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
    try {
      rmdirSync(dirname(this.folder))
    } catch {
      // Another lab is written down there, or nothing ever was.
    }
  }

  /** A folder for the PATH of the lab's hosts with a `gotcp` in it: this very build. */
  binFolder(): string {
    const bin = join(this.folder, 'bin')
    mkdirSync(bin, { recursive: true, mode: 0o700 })
    const script = join(bin, 'gotcp')
    writeFileSync(script, `#!/bin/sh\nexec ${gotcpCommand().map(quoted).join(' ')} "$@"\n`)
    chmodSync(script, 0o755)
    return bin
  }
}

/** The command line that starts this build of gotcp. */
export const gotcpCommand = (): string[] => [
  process.execPath,
  fileURLToPath(new URL('../cli/main.js', import.meta.url)),
]

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
