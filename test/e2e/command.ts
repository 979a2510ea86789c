import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { LabHost } from '../real/netns.ts'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** Milliseconds; no command of a test takes longer, but for those that run until they are told to end. */
const PATIENCE = 60_000

/** What a process said and how it ended. */
export interface Ended {
  /** The exit code; the signal's name when one ended it. */
  readonly code: number | string
  readonly stdout: Buffer
  readonly stderr: string
}

/** A process in a host of the lab, or in this one, under observation. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  readonly #stdout: Buffer[] = []
  #stderr = ''
  readonly #watchers = new Set<() => void>()

  constructor(host: LabHost | undefined, argv: readonly string[], env = process.env, patience = PATIENCE) {
    const [command, ...rest] = host === undefined ? argv : ['nsenter', `--net=${host.netns}`, ...argv]
    this.child = spawn(command!, rest, { stdio: 'pipe', env })
    const { child } = this
    const timer = setTimeout(() => child.kill('SIGKILL'), patience)
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout.push(chunk)
      this.#tell()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#tell()
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        clearTimeout(timer)
        resolve({ code: code ?? signal ?? 'lost', stdout: Buffer.concat(this.#stdout), stderr: this.#stderr })
        this.#tell()
      })
    })
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString()
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Resolves when stdout and stderr together match, or what is new since `from`; rejects when the process ends before. */
  async until(pattern: RegExp, from = 0): Promise<void> {
    let isOver = false
    void this.ended.then(() => {
      isOver = true
    })
    while (!pattern.test(this.stdout.slice(from) + this.stderr)) {
      if (isOver) throw new Error(`ended before ${pattern}: ${this.stdout}${this.stderr}`)
      await new Promise<void>((resolve) => this.#watchers.add(resolve))
      this.#watchers.clear()
    }
  }

  interrupt(): void {
    this.child.kill('SIGINT')
  }

  #tell(): void {
    for (const wake of this.#watchers) wake()
  }
}

/** Starts gotcp in a host. */
export const start = (host: LabHost, ...args: readonly string[]): Running =>
  new Running(host, [process.execPath, MAIN, ...args])

/** Runs gotcp in a host to its end, with nothing on stdin. */
export function gotcp(host: LabHost, ...args: readonly string[]): Promise<Ended> {
  const running = start(host, ...args)
  running.child.stdin.end()
  return running.ended
}

/** Runs a shell script in a host to its end; `$GOTCP` is the command. */
export function shell(host: LabHost, script: string): Promise<Ended> {
  const running = new Running(host, ['env', `GOTCP=${process.execPath} ${MAIN}`, 'bash', '-c', script])
  running.child.stdin.end()
  return running.ended
}

/** Starts a script of JavaScript on the kernel's own sockets, and waits until it says `ready`. */
export async function startNode(host: LabHost, script: string): Promise<Running> {
  const running = new Running(host, [process.execPath, '-e', script])
  await running.until(/ready/)
  return running
}

/** Runs a script of JavaScript to its end. */
export const node = (host: LabHost, script: string): Promise<Ended> =>
  new Running(host, [process.execPath, '-e', script]).ended

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The JSON records on stdout. */
export const records = ({ stdout }: Ended): Record<string, unknown>[] =>
  stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
