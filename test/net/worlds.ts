import type { EventEmitter } from 'node:events'
import net from 'node:net'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable, type CableOptions } from '../../src/link/cable.ts'
import { createNet, type Net } from '../../src/net/index.ts'
import type { Host } from '../../src/stack/host.ts'

/** What a case needs of node:net, or of something in its place. */
export type NetLike = Pick<typeof net, 'Socket' | 'Server' | 'connect' | 'createConnection' | 'createServer'>

/** Where a case runs: a network with a client's side and a server's, and the address of the server. */
export interface World {
  readonly name: string
  readonly client: NetLike
  readonly server: NetLike
  readonly host: string
  close(): void
}

/** Node's own, over the loopback interface of the kernel. */
export const kernelWorld = (): World => ({
  name: 'node:net',
  client: net,
  server: net,
  host: '127.0.0.1',
  close: () => undefined,
})

/** Two stacks of this process on a cable in memory: 10.0.0.1 and 10.0.0.2. */
export function stacks(options: CableOptions = {}): { a: Host; b: Host; netA: Net; netB: Net; close(): void } {
  const cable = new Cable(options)
  const a = createStack()
  const b = createStack()
  a.addInterface(cable.a, { address: '10.0.0.1/24' })
  b.addInterface(cable.b, { address: '10.0.0.2/24' })
  const close = (): void => {
    a.close()
    b.close()
  }
  return { a, b, netA: createNet(a), netB: createNet(b), close }
}

export function stackWorld(): World {
  const { netA, netB, close } = stacks()
  const [client, server] = [netA, netB] as unknown as NetLike[]
  return { name: 'gotcp/net', client: client!, server: server!, host: '10.0.0.2', close }
}

/** What happened, told by each party apart: between them there is no order. */
export class Log {
  readonly #entries: Record<string, string[]> = {}
  readonly #host: string

  constructor(host: string) {
    this.#host = host
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
    const isPlain = !(value instanceof Object) || value.constructor === Object
    return isPlain ? Object.keys(value).sort().join() : value.constructor.name
  }

  #error(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
    const { name, code, errno, syscall, address, port } = error
    const facts = { errno, syscall, address: address && this.#hide(address), port: port && 'PORT' }
    const text = Object.entries(facts).flatMap(([key, fact]) => (fact === undefined ? [] : [`${key}=${fact}`]))
    return [`${name}[${code}]`, `"${this.#hide(error.message)}"`, ...text].join(' ')
  }

  #hide(text: string): string {
    return text.replaceAll(this.#host, 'HOST').replace(/(?<=HOST:)\d+/g, 'PORT')
  }
}

/** All events of a socket but those that start it flowing. */
export const EVENTS = [
  'connectionAttempt',
  'connectionAttemptFailed',
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
