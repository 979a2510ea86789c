import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ: what /proc counts in, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** A process and all that descend from it. */
export function tree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  })
  return [pid, ...children.flatMap(tree)]
}

/** User and system time of a process and its children, in seconds. */
export function cpuSeconds(pid: number): number {
  const ticks = tree(pid).map((each) => {
    // The name in parentheses may have blanks.
    const [user, system] = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13)
    return Number(user) + Number(system)
  })
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND
}

const kib = (path: string, name: string): number =>
  Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(readFileSync(path, 'utf8').replaceAll('\t', ' '))?.[1] ?? 0)

/** What a process and its children hold in memory, in KiB. */
export const residentKib = (pid: number): number =>
  tree(pid).reduce((sum, each) => sum + kib(`/proc/${each}/status`, 'VmRSS'), 0)

/** What the kernel holds in its slabs, in KiB: sockets among others. */
export const slabKib = (): number => kib('/proc/meminfo', 'Slab')
