import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { LabError } from './error.ts'
import {
  type Access,
  closeNamespace,
  inside,
  ip,
  isAlive,
  linksUp,
  type Namespace,
  openNamespace,
} from './namespace.ts'
import { type HostPlan, INTERFACE, PREFIX } from './topology.ts'

/** A host of a lab that is up. */
export interface Host extends HostPlan {
  readonly namespace: Namespace
}

/**
 * Two hosts joined by a cable: network namespaces with a veth pair whose ends
 * are made inside them, so that this machine's own interfaces are never touched.
 */
export class Lab {
  readonly hosts: readonly Host[]

  constructor(hosts: readonly Host[]) {
    this.hosts = hosts
  }

  /**
   * Makes the namespaces and the cable. A lab that is not `detached` vanishes
   * with this process, even when that is killed.
   *
   * @throws LabError when this machine does not allow it; nothing is left behind.
   */
  static async create(access: Access, plans: readonly [HostPlan, HostPlan], detached: boolean): Promise<Lab> {
    const first = await openNamespace(access, { detached })
    const made = [first]
    try {
      const second = await openNamespace(access, { detached, beside: first })
      made.push(second)
      const [a, b] = plans
      const far = `peer name ${INTERFACE} address ${b.mac} netns ${second.pid}`
      ip(first, [`link add ${INTERFACE} address ${a.mac} type veth ${far}`])
      bringUp(second, b)
      bringUp(first, a)
      const lab = new Lab(plans.map((plan, i) => ({ ...plan, namespace: made[i]! })))
      for (const namespace of made) await linksUp(namespace, [INTERFACE])
      return lab
    } catch (error) {
      for (const namespace of made) closeNamespace(namespace)
      throw error
    }
  }

  /** Whether every host is still there. */
  get isUp(): boolean {
    return this.hosts.every((host) => isAlive(host.namespace))
  }

  /** @throws LabError for a name that no host has. */
  host(name: string): Host {
    const host = this.hosts.find((h) => h.name === name)
    if (host !== undefined) return host
    throw new LabError(`the lab has no host "${name}"; it has ${this.hosts.map((h) => h.name).join(' and ')}`)
  }

  /** Starts a program on a host. */
  spawn(name: string, argv: readonly string[], options: SpawnOptions): ChildProcess {
    const [program, ...args] = inside(this.host(name).namespace, argv)
    return spawn(program!, args, options)
  }

  /** Removes the hosts, the cable and all in it; harmless when repeated. */
  down(): void {
    for (const host of this.hosts) closeNamespace(host.namespace)
  }
}

function bringUp(namespace: Namespace, plan: HostPlan): void {
  const address = plan.address === undefined ? [] : [`addr add ${plan.address}/${PREFIX} dev ${INTERFACE}`]
  // No link-local IPv6 address: nothing but what a command sends is on the cable.
  ip(namespace, ['link set lo up', `link set ${INTERFACE} addrgenmode none`, ...address, `link set ${INTERFACE} up`])
}
