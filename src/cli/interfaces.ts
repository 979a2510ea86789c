import { readFileSync } from 'node:fs'

/** The names of the network interfaces in this namespace; none where the system does not tell. */
export function interfaceNames(): string[] {
  try {
    return [...readFileSync('/proc/net/dev', 'utf8').matchAll(/^ *([^ :]+):/gm)].map((match) => match[1]!).sort()
  } catch {
    return []
  }
}
