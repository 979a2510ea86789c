/**
 * Throw-away networks for tests: namespaces with real kernels in them, joined by veth pairs.
 *
 * ```ts
 * const why = labUnavailable()                       // why not here, or undefined
 * test('…', { skip: why }, async () => {
 *   const lab = createLab({ hosts: ['a', 'b'] })
 *   try {
 *     lab.veth('a', 'b', { a: '10.0.0.1/24', b: '10.0.0.2/24' })   // eth0 in each
 *     lab.host('a').netns                                // '/run/netns/…', for openPacketLink({ netns })
 *     lab.host('b').run('ip', 'addr')                // waits; throws with stderr when it fails
 *     const server = lab.host('b').spawn(process.execPath, '-e', '…')   // ended by close()
 *     await lab.host('b').node(`console.log(1)`)     // runs a script to its end; its stdout
 *   } finally {
 *     lab.close()
 *   }
 * })
 * ```
 *
 * Names carry the process id and a count, and interfaces never exist outside the namespaces. What is left when the
 * process ends is removed then; what a killed process left, by the next lab. Needs root and iproute2.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Why no lab can be made here; undefined when it can. Pass it to `skip`. */
export function labUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only'
  if (process.getuid?.() !== 0) return 'making network namespaces needs root'
  const probe = `gotcp-test-${process.pid}-probe`
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  if (made.error !== undefined) return 'the command ip is missing: apt-get install iproute2'
  if (made.status !== 0) return `ip netns add fails here: ${made.stderr.trim()}`
  spawnSync('ip', ['netns', 'delete', probe])
  return existsSync('/dev/net/tun') ? undefined : '/dev/net/tun is missing: modprobe tun'
}

/** Runs a command; its stdout. Throws with its stderr when it fails. */
function must(command: string, args: readonly string[], input?: string): string {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 60_000,
    ...(input === undefined ? {} : { input }),
  })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) {
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.status ?? result.signal}: ${result.stderr.trim()}`,
    )
  }
  return result.stdout
}

/** One host: a network namespace. */
export class LabHost {
  readonly name: string
  /** The namespace's name for `ip -n`. */
  readonly id: string
  /** The namespace's path for `openPacketLink({ netns })`, `nsenter --net=…`. */
  readonly netns: string
  readonly #children = new Set<ChildProcess>()

  constructor(name: string, id: string) {
    this.name = name
    this.id = id
    this.netns = `/run/netns/${id}`
    must('ip', ['netns', 'add', id])
    this.ip('link', 'set', 'lo', 'up')
  }

  /** `ip` inside the host. */
  ip(...args: string[]): string {
    return must('ip', ['-n', this.id, ...args])
  }

  /** Runs a command inside to its end; its stdout. */
  run(command: string, ...args: string[]): string {
    return must('nsenter', [`--net=${this.netns}`, command, ...args])
  }

  /** Starts a command inside; `close` of the lab ends it. */
  spawn(command: string, ...args: string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.netns}`, command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  /** Runs a script of JavaScript (CommonJS) inside to its end; its stdout. */
  node(script: string, ...args: string[]): Promise<string> {
    return outputOf(this.spawn(process.execPath, '-e', script, '--', ...args))
  }

  /** Starts a script that runs until `close`, and waits for its first line of output. */
  async start(script: string, ...args: string[]): Promise<{ child: ChildProcess; line: string }> {
    const child = this.spawn(process.execPath, '-e', script, '--', ...args)
    return { child, line: await firstLine(child) }
  }

  /** A sysctl under `net.`, such as `ipv4.tcp_max_tw_buckets`. */
  sysctl(name: string, value: string | number): void {
    this.run('sh', '-c', `echo ${value} > /proc/sys/net/${name.replaceAll('.', '/')}`)
  }

  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    spawnSync('ip', ['netns', 'delete', this.id])
  }
}

/** Waits for a child's end; its stdout. Rejects when it fails. */
export function outputOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    child.once('error', reject)
    child.once('close', (code, signal) =>
      code === 0 ? resolve(text) : reject(new Error(`${child.spawnargs.join(' ')} ended with ${code ?? signal}`)),
    )
  })
}

/** Waits for a child's first line on stdout; rejects when it ends before. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onData = (part: string) => {
      text += part
      if (!text.includes('\n')) return
      child.stdout?.off('data', onData)
      child.off('exit', onExit)
      resolve(text.slice(0, text.indexOf('\n')))
    }
    const onExit = () => reject(new Error(`ended before its first line: ${text}`))
    child.stdout?.setEncoding('utf8').on('data', onData)
    child.once('exit', onExit)
  })
}

/** Addresses of the two ends of a veth pair by host name; an end without one gets none. */
export type VethAddresses = Readonly<Record<string, string | undefined>>

export interface VethOptions {
  /** The interface's name at both ends; `eth0`, `eth1`, … by default. */
  readonly name?: string
  readonly mtu?: number
}

let labs = 0

/** Removes what a killed test left: namespaces that bear the id of a process that is no more. */
function sweep(): void {
  for (const line of must('ip', ['netns', 'list']).split('\n')) {
    const [id, pid] = /^gotcp-test-(\d+)-\S+/.exec(line) ?? []
    if (id !== undefined && !existsSync(`/proc/${pid}`)) spawnSync('ip', ['netns', 'delete', id])
  }
}

export class Lab {
  readonly #hosts = new Map<string, LabHost>()
  readonly #id: string
  #pairs = 0
  readonly #onExit = () => this.close()

  constructor(hosts: readonly string[]) {
    if (labs === 0) sweep()
    this.#id = `gotcp-test-${process.pid}-${labs++}`
    process.once('exit', this.#onExit)
    try {
      for (const name of hosts) this.#hosts.set(name, new LabHost(name, `${this.#id}-${name}`))
    } catch (error) {
      this.close()
      throw error
    }
  }

  host(name: string): LabHost {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new RangeError(`The lab has no host "${name}"`)
    return host
  }

  /** Joins two hosts; both ends are up, with the addresses given. Returns the interface's name at both ends. */
  veth(one: string, other: string, addresses: VethAddresses = {}, options: VethOptions = {}): string {
    const name = options.name ?? `eth${this.#pairs++}`
    const mtu = options.mtu === undefined ? [] : ['mtu', String(options.mtu)]
    this.host(one).ip(
      'link',
      'add',
      name,
      ...mtu,
      'type',
      'veth',
      'peer',
      'name',
      name,
      ...mtu,
      'netns',
      this.host(other).id,
    )
    for (const host of [this.host(one), this.host(other)]) {
      // Without IPv6 the kernel sends nothing that a test did not ask for.
      host.run('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6 || true`)
      const address = addresses[host.name]
      if (address !== undefined) host.ip('addr', 'add', address, 'dev', name)
      host.ip('link', 'set', name, 'up')
    }
    return name
  }

  /** Ends every process and removes every namespace. Harmless when repeated. */
  close(): void {
    process.off('exit', this.#onExit)
    for (const host of this.#hosts.values()) host.remove()
    this.#hosts.clear()
  }
}

/** Makes the hosts; `veth` joins them. */
export const createLab = (options: { readonly hosts: readonly string[] }): Lab => new Lab(options.hosts)

/** Makes a lab for the time of `work`. */
export async function withLab(hosts: readonly string[], work: (lab: Lab) => Promise<void> | void): Promise<void> {
  const lab = createLab({ hosts })
  try {
    await work(lab)
  } finally {
    lab.close()
  }
}
