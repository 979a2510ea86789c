import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { LabError } from './error.ts'

const UP_TRIES = 100
const UP_PAUSE = 20

/** How this process comes to namespaces: as root, or as root of a user namespace of its own. */
export type Access = 'root' | 'user'

/** Whether this machine lets us make network namespaces, or why not. */
export function probeAccess(): { readonly access: Access } | { readonly reason: string } {
  if (process.platform !== 'linux')
    return { reason: `network namespaces exist on Linux only, not on ${process.platform}` }
  const has = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
  for (const program of ['unshare', 'nsenter']) {
    if (!has(program)) return { reason: `${program} is missing: apt-get install util-linux` }
  }
  if (spawnSync('ip', ['-V'], { stdio: 'ignore' }).error !== undefined) {
    return { reason: 'ip is missing: apt-get install iproute2' }
  }
  const allowed = (flags: string): boolean => spawnSync('unshare', [flags, 'true'], { stdio: 'ignore' }).status === 0
  if (process.getuid?.() === 0 && allowed('-n')) return { access: 'root' }
  if (allowed('-Urn')) return { access: 'user' }
  return { reason: 'neither root nor unprivileged user namespaces are allowed here' }
}

/**
 * A network namespace, kept alive by one sleeping process and by nothing else:
 * when that process ends, the kernel removes the namespace and the interfaces in it.
 */
export interface Namespace {
  readonly access: Access
  readonly pid: number
  /** When the process started, in clock ticks since boot: tells it from a later one with the same number. */
  readonly started: number
}

/** Makes a namespace; a second one for `user` access joins the user namespace of the first. */
export async function openNamespace(
  access: Access,
  options: { readonly detached: boolean; readonly beside?: Namespace },
): Promise<Namespace> {
  // Not detached: `cat` ends when the pipe from this process closes, however this process ends.
  const script = options.detached ? 'echo ready; exec sleep infinity' : 'echo ready; exec cat >/dev/null'
  const joins = access === 'user' && options.beside !== undefined
  const argv = joins
    ? ['nsenter', '--preserve-credentials', '-t', String(options.beside?.pid), '-U', '--', 'unshare', '-n']
    : ['unshare', access === 'user' ? '-Urn' : '-n']
  const holder = spawn(argv[0]!, [...argv.slice(1), 'sh', '-c', script], {
    detached: options.detached,
    stdio: [options.detached ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  await ready(holder)
  holder.stdout?.destroy()
  holder.stderr?.destroy()
  holder.unref()
  if (holder.stdin !== null && 'unref' in holder.stdin) (holder.stdin as unknown as { unref(): void }).unref()
  const pid = holder.pid!
  return { access, pid, started: startTime(pid) ?? 0 }
}

function ready(holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaint = ''
    holder.stderr?.on('data', (chunk) => (complaint += chunk))
    holder.stdout?.once('data', () => resolve())
    holder.once('error', (error) => reject(new LabError(`cannot make a network namespace: ${error.message}`)))
    holder.once('exit', () => reject(new LabError(`cannot make a network namespace: ${complaint.trim()}`)))
  })
}

/** When a process started, or undefined when there is none (proc(5), field 22 of stat). */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return undefined
  }
}

export const isAlive = (namespace: Namespace): boolean => startTime(namespace.pid) === namespace.started

/** Ends the process that holds a namespace, after all others in it; a namespace that is gone is left alone. */
export function closeNamespace(namespace: Namespace): void {
  if (!isAlive(namespace)) return
  for (const pid of inhabitants(namespace)) kill(pid, 'SIGTERM')
  kill(namespace.pid, 'SIGKILL')
}

/** The processes in a namespace besides its holder and this one. */
function inhabitants(namespace: Namespace): number[] {
  const netOf = (pid: number | string): string | undefined => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`)
    } catch {
      return undefined
    }
  }
  const net = netOf(namespace.pid)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && net !== undefined && netOf(name) === net)
    .map(Number)
    .filter((pid) => pid !== namespace.pid && pid !== process.pid)
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself between the look and the kill.
  }
}

/** The command line that runs `argv` inside. */
export function inside(namespace: Namespace, argv: readonly string[]): string[] {
  const target = ['-t', String(namespace.pid)]
  const enter = namespace.access === 'user' ? ['--preserve-credentials', ...target, '-U', '-n'] : [...target, '-n']
  return ['nsenter', ...enter, '--', ...argv]
}

/** Runs `ip` commands inside. @throws LabError with what `ip` said. */
export function ip(namespace: Namespace, commands: readonly string[]): string {
  const [program, ...args] = inside(namespace, ['ip', '-batch', '-'])
  const result = spawnSync(program!, args, { input: commands.join('\n') + '\n', encoding: 'utf8' })
  if (result.status === 0) return result.stdout
  throw new LabError(`ip failed: ${result.stderr.trim().split('\n').join('; ')}`)
}

/** Waits until interfaces are up: an end of a veth pair sends only after the kernel has noticed that its other end is up. */
export async function linksUp(namespace: Namespace, devices: readonly string[]): Promise<void> {
  for (let tries = 0; tries < UP_TRIES; tries++) {
    const shown = ip(
      namespace,
      devices.map((device) => `link show dev ${device}`),
    )
    if (shown.split(/ state UP /).length > devices.length) return
    await sleep(UP_PAUSE)
  }
  throw new LabError(`${devices.join(', ')} did not come up within two seconds`)
}
