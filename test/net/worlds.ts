import type { EventEmitter } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { Worker } from 'node:worker_threads'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable, type CableOptions } from '../../src/link/cable.ts'
import { createNet, type Net } from '../../src/net/index.ts'
import type { Host } from '../../src/stack/host.ts'

/** What a case needs of node:net, or of something in its place. */
export type NetLike = typeof net

/** Where a case runs: a network with a client's side and a server's, and the address of the server. */
export interface World {
  readonly name: string
  readonly client: NetLike
  readonly server: NetLike
  readonly connectTls: (options: tls.ConnectionOptions) => tls.TLSSocket
  /** Makes a server of node:tls one of this world. */
  readonly adopt: (server: tls.Server) => tls.Server
  readonly host: string
  /** The client's own. */
  readonly local: string
  /** Others of the server's, where nobody listens. */
  readonly closed: readonly [string, string]
  /** Where no attempt gets an answer, once `silence` was told of the port. */
  readonly silent: string
  silence(port: number): Promise<void>
  close(): void
}

/** Node's own, over the loopback interface of the kernel. */
export function kernelWorld(): World {
  const silent = '127.0.0.5'
  const workers: Worker[] = []
  return {
    name: 'node:net',
    client: net,
    server: net,
    connectTls: (options) => tls.connect(options),
    adopt: (server) => server,
    host: '127.0.0.1',
    local: '127.0.0.1',
    closed: ['127.0.0.3', '127.0.0.4'],
    silent,
    silence: async (port) => {
      workers.push(await silence(silent, port))
    },
    close: () => {
      for (const worker of workers) void worker.terminate()
    },
  }
}

/** Fills the backlog of a listener that accepts nobody: to the next SYN the kernel gives no answer. */
async function silence(host: string, port: number): Promise<Worker> {
  const listen = `
    const { parentPort, workerData } = require('node:worker_threads')
    const stop = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    require('node:net').createServer().listen({ ...workerData, backlog: 1 }, () => {
      parentPort.postMessage('listening')
      setImmediate(stop)
    })`
  const worker = new Worker(listen, { eval: true, workerData: { host, port } })
  await once(worker, 'message')
  await sleep(20)
  for (let i = 0; i < 3; i++)
    net
      .connect(port, host)
      .unref()
      .on('error', () => undefined)
  await sleep(20)
  return worker
}

const CLOSED = ['10.0.0.3', '10.0.0.4'] as const

/** Two stacks of this process on a cable in memory: 10.0.0.1 and 10.0.0.2. */
export function stacks(options: CableOptions = {}): { a: Host; b: Host; netA: Net; netB: Net; close(): void } {
  const cable = new Cable(options)
  const a = createStack()
  const b = createStack()
  a.addInterface(cable.a, { address: '10.0.0.1/24' })
  b.addInterface(cable.b, { address: ['10.0.0.2/24', ...CLOSED.map((address) => `${address}/24`)] })
  const close = (): void => {
    a.close()
    b.close()
  }
  return { a, b, netA: createNet(a), netB: createNet(b), close }
}

export function stackWorld(): World {
  const { netA, netB, close } = stacks()
  const [client, server] = [netA, netB] as unknown as NetLike[]
  return {
    name: 'gotcp/net',
    client: client!,
    server: server!,
    connectTls: (options) => netA.connectTls(options),
    adopt: (server) => netB.adopt(server),
    host: '10.0.0.2',
    local: '10.0.0.1',
    closed: CLOSED,
    silent: '10.0.0.77',
    silence: async () => undefined,
    close,
  }
}

/** What happened, told by each party apart: between them there is no order. */
export class Log {
  readonly #entries: Record<string, string[]> = {}
  /** Names of the addresses, which each world has of its own. */
  readonly #names: readonly (readonly [address: string, name: string])[]

  constructor(names: Readonly<Record<string, string>>) {
    this.#names = Object.entries(names)
  }

  get entries(): Readonly<Record<string, readonly string[]>> {
    return this.#entries
  }

  /** Leaves out what a party told, where the kernel is quicker than any cable. */
  forget(party: string): void {
    delete this.#entries[party]
  }

  /** Notes something of one party; pieces of data that follow one another are one. */
  note(party: string, what: string, ...details: readonly unknown[]): void {
    const entries = (this.#entries[party] ??= [])
    const text = [what, ...details.map((each) => this.#describe(each))].join(' ')
    const last = entries.at(-1)
    if (what === 'data' && last?.startsWith('data ')) entries[entries.length - 1] = last + text.slice('data '.length)
    else entries.push(text)
  }

  /** Notes the events of an emitter from now on. */
  watch(party: string, emitter: EventEmitter, events: readonly string[] = EVENTS): void {
    for (const event of events) emitter.on(event, (...args: unknown[]) => this.note(party, event, ...args))
  }

  #describe(value: unknown): string {
    if (value instanceof Error) return this.#error(value)
    if (Buffer.isBuffer(value)) return value.toString('latin1')
    if (typeof value === 'string') return this.#hide(value)
    if (typeof value === 'number' && value > 1023) return 'PORT'
    if (typeof value !== 'object' || value === null) return String(value)
    if (Array.isArray(value)) return `[${value.map((each) => this.#describe(each)).join(', ')}]`
    const isPlain = !(value instanceof Object) || value.constructor === Object
    return isPlain ? Object.keys(value).sort().join() : value.constructor.name
  }

  #error(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
    const { name, code, errno, syscall, address, port } = error
    const facts = { errno, syscall, address: address && this.#hide(address), port: port && 'PORT' }
    const text = Object.entries(facts).flatMap(([key, fact]) => (fact === undefined ? [] : [`${key}=${fact}`]))
    const causes = error instanceof AggregateError ? error.errors.map((each) => `because ${this.#error(each)}`) : []
    return [`${name}[${code}]`, `"${this.#hide(error.message)}"`, ...text, ...causes].join(' ')
  }

  #hide(text: string): string {
    const named = this.#names.reduce((told, [address, name]) => told.replaceAll(address, name), text)
    return named.replace(/(?<=(HOST|CLOSED|SHUT|SILENT):)\d+/g, 'PORT')
  }
}

/** All events of a socket but those that start it flowing. */
export const EVENTS = [
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'lookup',
  'connect',
  'ready',
  'end',
  'finish',
  'timeout',
  'error',
  'close',
] as const

/** Resolves once the event comes; it need not be the first thing that does. */
export const once = (emitter: EventEmitter, event: string): Promise<unknown[]> =>
  new Promise((resolve) => emitter.once(event, (...args) => resolve(args)))

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Resolves once it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(1)
}
