import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firstLine, type LabHost } from '../../test/real/netns.ts'

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null

const GOTCP = join(import.meta.dirname, '../../src/cli/main.js')

/** Characters of what a program says that are kept. */
const LAST_WORDS = 4096

/** A program of this folder in a process of its own, which is told orders and answers each with a message. */
export class Member {
  readonly child: ChildProcess
  readonly #heard: unknown[] = []
  #wake: (() => void) | undefined

  constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (message) => {
      this.#heard.push(message)
      this.#wake?.()
    })
    child.once('exit', () => this.#wake?.())
  }

  get pid(): number {
    return this.child.pid!
  }

  /** The next message. Rejects when the process has ended instead. */
  async hear<T>(): Promise<T> {
    while (this.#heard.length === 0) {
      if (!isRunning(this.child)) throw new Error(`${this.child.spawnargs.slice(1).join(' ')} has ended`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#heard.shift() as T
  }

  tell(order: object): void {
    this.child.send(order)
  }

  async ask<T>(order: object): Promise<T> {
    this.tell(order)
    return await this.hear<T>()
  }
}

/** The processes of a measurement, and a folder for what they need. Nothing of it outlives this process. */
export class Crew {
  readonly folder = mkdtempSync(join(tmpdir(), 'gotcp-bench-'))
  readonly #children = new Set<ChildProcess>()
  readonly #onExit = (): void => this.#end()

  constructor() {
    process.once('exit', this.#onExit)
  }

  /** Starts a program of this folder, on this machine or on a host of a lab; resolves with its first message. */
  async start<T>(name: string, order: object = {}, host?: LabHost): Promise<{ member: Member; said: T }> {
    const program = join(import.meta.dirname, `${name}.js`)
    const [file, ...args] = inside(host, [process.execPath, program, JSON.stringify(order)])
    const child = spawn(file!, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#keep(child)
    const member = new Member(child)
    return { member, said: await member.hear<T>() }
  }

  /** Starts any other program. */
  spawn(command: readonly string[], host?: LabHost): ChildProcess {
    const [file, ...args] = inside(host, command)
    const child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#keep(child)
    // What it says is of interest only when it goes.
    let words = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-LAST_WORDS)
    })
    child.once('close', (code) => {
      if (code !== 0 && code !== null) console.error(`bench: ${command[0]} ended with ${code}: ${words.trim()}`)
    })
    return child
  }

  /** Starts gotcp and waits for the first line it prints. */
  async gotcp(args: readonly string[], host?: LabHost): Promise<{ child: ChildProcess; line: string }> {
    const child = this.spawn([process.execPath, GOTCP, ...args], host)
    return { child, line: await firstLine(child) }
  }

  /** Ends one of them. */
  async end(child: ChildProcess): Promise<void> {
    if (!isRunning(child)) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Ends all. Harmless when repeated. */
  async close(): Promise<void> {
    process.off('exit', this.#onExit)
    await Promise.all([...this.#children].map((child) => this.end(child)))
    this.#end()
  }

  #keep(child: ChildProcess): void {
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
  }

  #end(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The process that `nsenter` becomes is the one that was started: its id stays. */
const inside = (host: LabHost | undefined, command: readonly string[]): readonly string[] =>
  host === undefined ? command : ['nsenter', `--net=${host.netns}`, ...command]

/** A port of 127.0.0.1 that nobody listens on, for programs that cannot find one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
