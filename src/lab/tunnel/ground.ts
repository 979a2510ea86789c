import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LabError } from '../error.ts'
import {
  type Access,
  closeNamespace,
  inside,
  ip,
  linksUp,
  type Namespace,
  openNamespace,
  probeAccess,
} from '../namespace.ts'
import { whenReady } from '../remote.ts'
import { BACK, endsOf, HOSTS, type HostName, type LaidLine, queueOf } from './plan.ts'

/** The token bucket holds what the line carries in so many seconds, and this much at least: the kernel looks at it so often. */
const BUCKET_TIME = 0.01
const LEAST_BUCKET = 32_768
const PREFIX = 24
/** Processes that were told to end have so long, in milliseconds. */
const GRACE = 2000

/** The hosts of the tunnel's lab, the cables between them, and the processes on them. All of it ends with this process. */
export class Ground {
  readonly lines: readonly LaidLine[]
  /** What makes the lines slow: the kernel's token bucket filter, or our own line where the kernel has none. */
  readonly shaper: 'tbf' | 'gotcp'
  readonly #hosts: ReadonlyMap<HostName, Namespace>
  readonly #children = new Set<ChildProcess>()

  private constructor(hosts: ReadonlyMap<HostName, Namespace>, lines: readonly LaidLine[]) {
    this.#hosts = hosts
    this.lines = lines
    this.shaper = lines.every((line) => this.#shape(line)) ? 'tbf' : 'gotcp'
  }

  /** @throws LabError when this machine does not allow it; nothing is left behind. */
  static async create(lines: readonly LaidLine[]): Promise<Ground> {
    const probe = probeAccess()
    if (!('access' in probe)) throw new LabError(`cannot make hosts: ${probe.reason}`)
    const hosts = new Map<HostName, Namespace>()
    try {
      await openAll(probe.access, hosts)
      for (const line of lines) layLine(hosts, line)
      cable(hosts, ['proxy', BACK.name, BACK.proxy], ['server', BACK.name, BACK.server])
      const ends = lines.flatMap(endsOf)
      await linksUp(hosts.get('wire')!, ends)
      await linksUp(hosts.get('proxy')!, [BACK.name])
      return new Ground(hosts, lines)
    } catch (error) {
      for (const namespace of hosts.values()) closeNamespace(namespace)
      throw error
    }
  }

  /**
   * Starts a program of this folder on a host, gives it its first order and waits until it is ready.
   * @param onLost hears that it ended, which it should not by itself
   * @throws LabError with its last words when it ends instead
   */
  async start(host: HostName, name: string, order: object | undefined, onLost: (error: Error) => void) {
    const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url))
    const [file, ...args] = inside(this.#hosts.get(host)!, [process.execPath, program])
    const child = spawn(file!, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#children.add(child)
    const ready = whenReady(child, name)
    if (order !== undefined) tell(child, order)
    await ready
    child.on('message', (message: object) => {
      if ('error' in message) onLost(new LabError(`${name}: ${String(message.error)}`))
    })
    child.once('exit', (code, signal) => onLost(new LabError(`${name} ended with ${signal ?? code}`)))
    return child
  }

  /** Removes everything. Harmless when repeated. */
  async close(): Promise<void> {
    const running = [...this.#children].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    for (const child of running) child.removeAllListeners('exit').kill('SIGTERM')
    const hanging = setTimeout(() => running.forEach((child) => void child.kill('SIGKILL')), GRACE)
    await Promise.all(running.map((child) => once(child, 'exit')))
    clearTimeout(hanging)
    for (const namespace of this.#hosts.values()) closeNamespace(namespace)
  }

  /** Has the kernel hold back what either end sends; false where it cannot. */
  #shape(line: LaidLine): boolean {
    const bucket = Math.max(LEAST_BUCKET, Math.round((line.rate / 8) * BUCKET_TIME))
    const filter = ['tbf', 'rate', `${line.rate}bit`, 'burst', `${bucket}`, 'limit', `${queueOf(line)}`]
    return (['client', line.isProxied ? 'proxy' : 'server'] as const).every((host) => {
      const argv = ['tc', 'qdisc', 'replace', 'dev', line.name, 'root', ...filter]
      const [file, ...args] = inside(this.#hosts.get(host)!, argv)
      return spawnSync(file!, args, { stdio: 'ignore' }).status === 0
    })
  }
}

/** Sends an order. To a process that has ended it is lost: that it ended is told where it was started. */
export const tell = (child: ChildProcess, order: object): void => void child.send(order, () => {})

async function openAll(access: Access, hosts: Map<HostName, Namespace>): Promise<void> {
  for (const name of HOSTS) {
    const beside = hosts.get('client')
    hosts.set(name, await openNamespace(access, { detached: false, ...(beside === undefined ? {} : { beside }) }))
    ip(hosts.get(name)!, ['link set lo up'])
  }
}

type End = readonly [host: HostName, device: string, address: string | undefined]

/** A veth pair between two hosts. */
function cable(hosts: ReadonlyMap<HostName, Namespace>, a: End, b: End): void {
  const [[near, device], [far, other]] = [a, b]
  ip(hosts.get(near)!, [`link add ${device} type veth peer name ${other} netns ${hosts.get(far)!.pid}`])
  for (const [host, name, address] of [a, b]) {
    // No link-local IPv6 address: nothing but what is sent on purpose is on the cable.
    const given = address === undefined ? [] : [`addr add ${address}/${PREFIX} dev ${name}`]
    ip(hosts.get(host)!, [`link set ${name} addrgenmode none`, ...given, `link set ${name} up`])
  }
}

function layLine(hosts: ReadonlyMap<HostName, Namespace>, line: LaidLine): void {
  const { name, near, far, isProxied } = line
  const [left, right] = endsOf(line)
  cable(hosts, ['client', name, near], ['wire', left, undefined])
  cable(hosts, [isProxied ? 'proxy' : 'server', name, far], ['wire', right, undefined])
}
