import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

import { firstLine, type Lab, type LabHost } from '../../test/real/netns.ts'
import { spawnAt } from '../round.ts'
import type { Contender, Place } from './contenders.ts'

const PORT = 7000
/** Turned off with `ethtool -K` where each segment is to be lost, or not, by itself. */
const OFFLOADS = ['tx', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, 'off'])
/** How often a guest is looked at, and how many milliseconds apart, until it has its address. */
const GUEST_LOOKS = { times: 100, every: 50 } as const

/** A contender's server that runs, and how the client gets to it. */
export interface Served {
  readonly contender: Contender
  /** The process that is looked at. */
  readonly pid: number
  readonly client: LabHost
  readonly host: string
  readonly port: number
  end(): Promise<void>
}

/** The wires between the client and each contender. */
export abstract class Site {
  readonly #peer: string
  readonly #made = new Map<Contender, { host: LabHost; place: Place }>()
  protected readonly lab: Lab
  protected abstract readonly whole: boolean

  constructor(lab: Lab, peer: string) {
    this.lab = lab
    this.#peer = peer
  }

  /** Where the client is. */
  abstract get client(): LabHost
  /** Where the client's end of a contender's veth is, and its TAP. */
  protected abstract get near(): LabHost
  protected abstract addressOf(index: number): string
  /** Gives the near end of a wire what it needs. */
  protected abstract attach(name: string, index: number): void

  /** Starts a contender's server, on a wire that stays when it ends. */
  async serve(contender: Contender): Promise<Served> {
    const { host, place } = this.#wire(contender)
    const child = spawnAt(host, contender.command(place))
    try {
      await firstLine(child)
    } catch (error) {
      throw new Error(`${contender.title} does not start: ${(error as Error).message}`)
    }
    return {
      contender,
      pid: child.pid!,
      client: this.client,
      host: place.address,
      port: PORT,
      end: () => (contender.isKernel ? finished(child) : killed(child)),
    }
  }

  #wire(contender: Contender): { host: LabHost; place: Place } {
    const known = this.#made.get(contender)
    if (known !== undefined) return known
    const index = this.#made.size
    const name = `${this.whole ? 'wire' : 'line'}${index}`
    const address = this.addressOf(index)
    const isVeth = contender.medium === 'veth'
    const far = this.lab.host('stacks')
    if (isVeth) {
      this.lab.veth(this.near.name, far.name, contender.isKernel ? { [far.name]: `${address}/24` } : {}, { name })
    } else {
      this.near.ip('tuntap', 'add', 'dev', name, 'mode', 'tap')
      this.near.ip('link', 'set', name, 'up')
    }
    if (!this.whole && isVeth) for (const end of [this.near, far]) end.run('ethtool', '-K', name, ...OFFLOADS)
    this.attach(name, index)
    const place = { interface: name, address, port: PORT, whole: this.whole, peer: this.#peer, guest: '' }
    const made = { host: isVeth ? far : this.near, place }
    this.#made.set(contender, made)
    return made
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

async function killed(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** The C peer ends with its input, its children and their ports before it. */
async function finished(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  child.stdin!.end()
  await exit
}

/** A wire of its own for each contender, as good as wires are. */
export class CleanSite extends Site {
  static readonly hosts = ['client', 'stacks'] as const
  protected readonly whole = true

  get client(): LabHost {
    return this.lab.host('client')
  }

  protected get near(): LabHost {
    return this.client
  }

  protected addressOf(index: number): string {
    return `10.1.${index}.2`
  }

  protected attach(name: string, index: number): void {
    this.client.ip('addr', 'add', `10.1.${index}.1/24`, 'dev', name)
  }
}

/** All wires end in a bridge that loses single segments each way, and the client is behind it. */
export class LossySite extends Site {
  static readonly hosts = ['distant', 'middle'] as const
  protected readonly whole = false
  readonly #ports: string[] = ['front']
  #percent = 0

  /** @throws Error where there is no bridge, no ethtool or no nft. */
  constructor(lab: Lab, peer: string) {
    super(lab, peer)
    lab.veth('distant', 'middle', { distant: '10.2.0.1/24' }, { name: 'front' })
    for (const end of [this.client, this.near]) end.run('ethtool', '-K', 'front', ...OFFLOADS)
    this.near.ip('link', 'add', 'bridge', 'type', 'bridge')
    this.near.ip('link', 'set', 'bridge', 'up')
    this.near.ip('link', 'set', 'front', 'master', 'bridge')
    // What one connection learned would be the next one's start.
    for (const name of ['distant', 'stacks']) lab.host(name).sysctl('ipv4.tcp_no_metrics_save', 1)
    this.lose(0)
  }

  get client(): LabHost {
    return this.lab.host('distant')
  }

  protected get near(): LabHost {
    return this.lab.host('middle')
  }

  protected addressOf(index: number): string {
    return `10.2.0.${10 + index}`
  }

  protected attach(name: string): void {
    this.near.ip('link', 'set', name, 'master', 'bridge')
    this.#ports.push(name)
    this.lose(this.#percent)
  }

  /** From now on so many per cent of the TCP segments are lost, each way. */
  lose(percent: number): void {
    this.#percent = percent
    // A packet comes in by one port of the bridge and so meets one rule.
    const chain = `{ type filter hook ingress devices = { ${this.#ports.join(', ')} } priority 0; }`
    const rule = `ip protocol tcp numgen random mod 1000 < ${Math.round(10 * percent)} drop`
    this.near.run('nft', `flush ruleset; add table netdev line; add chain netdev line loss ${chain}`)
    if (percent > 0) this.near.run('nft', `add rule netdev line loss ${rule}`)
  }
}

/** Between the kernel of a guest and sockets of a host in a namespace of its own. */
export class Guest {
  readonly #outside: LabHost
  readonly #guest: LabHost
  readonly #contender: Contender
  readonly #peer: string

  static hosts(index: number): readonly string[] {
    return [`outside${index}`, `guest${index}`]
  }

  constructor(lab: Lab, peer: string, contender: Contender, index: number) {
    const [outside, guest] = Guest.hosts(index) as [string, string]
    this.#outside = lab.host(outside)
    this.#guest = lab.host(guest)
    this.#contender = contender
    this.#peer = peer
    // pasta takes a guest's address and routes from an interface that looks like the way to the world.
    lab.veth(outside, 'stacks', { [outside]: '10.9.0.1/24' }, { name: `world${index}` })
    this.#outside.ip('route', 'add', 'default', 'via', '10.9.0.2')
    for (const host of [this.#outside, this.#guest]) host.sysctl('ipv4.tcp_max_tw_buckets', 500)
  }

  async serve(): Promise<Served> {
    const contender = this.#contender
    const server = spawnAt(this.#outside, [this.#peer, 'serve', String(PORT)])
    await firstLine(server)
    const place = { guest: this.#guest.netns, peer: this.#peer, port: PORT, interface: '', address: '', whole: true }
    // They say a lot, and nothing that is of interest while they work.
    const child = this.#outside.spawn('sh', '-c', `exec ${contender.command(place).join(' ')} >/dev/null 2>&1`)
    await this.#isUp(child)
    const end = async () => void (await Promise.all([killed(child), finished(server)]))
    return { contender, pid: child.pid!, client: this.#guest, host: contender.host!, port: PORT, end }
  }

  async #isUp(child: ChildProcess): Promise<void> {
    for (let look = 0; look < GUEST_LOOKS.times && child.exitCode === null; look++) {
      const { stdout } = spawnSync('ip', ['-n', this.#guest.id, '-4', 'addr', 'show', 'tap0'], { encoding: 'utf8' })
      if (stdout.includes('inet ')) return
      await setTimeout(GUEST_LOOKS.every)
    }
    await killed(child)
    throw new Error(`${this.#contender.title} does not start: no tap0 with an address comes up in its guest`)
  }
}
