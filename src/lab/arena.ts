import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Cable } from '../link/cable.ts'
import { LabError } from './error.ts'
import { Lab } from './lab.ts'
import { type Access, inside } from './namespace.ts'
import { RemoteSide, whenReady } from './remote.ts'
import { type PingFigures, pingFigures, type Side, sideOf } from './side.ts'
import { openHost, serveOnStack, stackNet } from './stack-net.ts'
import { NODE1, NODE2, PREFIX } from './topology.ts'
import { SINK_PORT, SOURCE_PORT, serveSink, serveSource } from './transfer.ts'

/** Where a demo takes place: our stack on one side, something to talk to on the other. */
export interface Arena {
  /** What stands on the other side, for people. */
  readonly peer: string
  /** Our stack, on a cable that loses this share of the packets in each direction. */
  open(loss: number): Promise<Side>
  /** The other side pings our stack, which `open` has started. */
  pingBack(count: number): Promise<PingFigures>
  /** Removes everything. Harmless when repeated. */
  close(): Promise<void>
}

const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url))

/** Our stack on AF_PACKET in one namespace, a Linux kernel in another. */
export class KernelArena implements Arena {
  readonly peer = 'kernel'
  readonly #lab: Lab
  readonly #children: ChildProcess[] = []

  private constructor(lab: Lab) {
    this.#lab = lab
  }

  /** @throws LabError when the lab or the peer does not start; nothing is left behind. */
  static async create(access: Access): Promise<KernelArena> {
    // The kernel of node1 has no address: whatever answers there is our stack.
    const lab = await Lab.create(access, [{ ...NODE1, address: undefined }, NODE2], false)
    const arena = new KernelArena(lab)
    try {
      await arena.#start(NODE2.name, 'peer')
      return arena
    } catch (error) {
      await arena.close()
      throw error
    }
  }

  async open(loss: number): Promise<Side> {
    return new RemoteSide(await this.#start(NODE1.name, 'worker', String(loss)))
  }

  async pingBack(count: number): Promise<PingFigures> {
    const [file, ...args] = inside(this.#lab.host(NODE2.name).namespace, [
      ...['ping', '-n', '-c', String(count), '-i', '0.02', '-W', '2', NODE1.address],
    ])
    const result = spawnSync(file!, args, { encoding: 'utf8' })
    if (!result.stdout.includes('PING')) throw new LabError('ping is missing: apt-get install iputils-ping')
    return pingFigures(
      count,
      [...result.stdout.matchAll(/ time=([\d.]+) ms$/gm)].map((match) => Number(match[1])),
    )
  }

  async close(): Promise<void> {
    const ends = this.#children.filter((child) => child.exitCode === null && child.signalCode === null)
    for (const child of ends) child.kill('SIGKILL')
    await Promise.all(ends.map((child) => once(child, 'exit')))
    this.#lab.down()
  }

  async #start(host: string, name: string, ...args: readonly string[]): Promise<ChildProcess> {
    const argv = [process.execPath, program(name), ...args]
    const child = this.#lab.spawn(host, argv, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#children.push(child)
    await whenReady(child, name)
    return child
  }
}

/** Two of our stacks in this process, on a cable in memory. */
export class MemoryArena implements Arena {
  readonly peer = 'stack 2'
  #close: (() => void) | undefined
  #pingBack: ((count: number) => Promise<PingFigures>) | undefined

  async open(loss: number): Promise<Side> {
    await this.close()
    const cable = new Cable({ offload: true })
    const ours = openHost(cable.a, `${NODE1.address}/${PREFIX}`, loss)
    const theirs = openHost(cable.b, `${NODE2.address}/${PREFIX}`, 0)
    const serving = [serveOnStack(theirs, SINK_PORT, serveSink), serveOnStack(theirs, SOURCE_PORT, serveSource)]
    for (const service of serving) service.catch(() => {})
    const back = sideOf(stackNet(theirs, NODE1.address))
    this.#pingBack = (count) => back.ping(count)
    this.#close = () => {
      ours.close()
      theirs.close()
    }
    return sideOf(stackNet(ours, NODE2.address))
  }

  async pingBack(count: number): Promise<PingFigures> {
    return (await this.#pingBack?.(count)) ?? { sent: 0, received: 0 }
  }

  async close(): Promise<void> {
    this.#close?.()
    this.#close = undefined
  }
}
