import { readdirSync } from 'node:fs'

/** The names of this machine's network interfaces; none where the system does not tell. */
export function interfaceNames(): string[] {
  try {
    return readdirSync('/sys/class/net').sort()
  } catch {
    return []
  }
}
