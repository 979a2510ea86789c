import type { LabHost } from './netns.ts'

/** A counter of a kernel's network, from the group of `/proc/net/snmp` or `/proc/net/netstat` that has it. */
export function counterOf(kernel: LabHost, group: string, name: string): number {
  const lines = kernel
    .run('cat', '/proc/net/snmp', '/proc/net/netstat')
    .split('\n')
    .filter((line) => line.startsWith(`${group}:`))
  const [names, values] = lines.map((line) => line.split(' '))
  return Number(values![names!.indexOf(name)])
}
