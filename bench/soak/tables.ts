import type { Host } from '../../src/index.ts'
import { TimeWait } from '../../src/tcp/time-wait.ts'

/** What the tables of stacks hold. */
export interface Tables {
  /** Connections that are not in TIME-WAIT. */
  readonly live: number
  readonly timeWait: number
  /** Ports in use, of TCP and UDP. */
  readonly ports: number
  readonly listeners: number
}

export function tablesOf(hosts: readonly Host[]): Tables {
  let [live, timeWait, ports, listeners] = [0, 0, 0, 0]
  for (const { machine, stack } of hosts) {
    for (const entry of machine.connections) {
      if (entry instanceof TimeWait) timeWait++
      else live++
    }
    ports += stack.ports.size
    listeners += machine.listeners.length
  }
  return { live, timeWait, ports, listeners }
}

/** The live connections of a host, for people. */
export function describeLive({ machine }: Host): string[] {
  const lines: string[] = []
  for (const entry of machine.connections) {
    if (entry instanceof TimeWait) continue
    lines.push(`${entry.state} from port ${entry.localPort} to ${entry.remotePort}, ${entry.unsent} bytes unsent`)
  }
  return lines
}
