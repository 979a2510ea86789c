import { readFileSync } from 'node:fs'

/** Names of hosts and ports from this machine's own files; nothing is asked of the network. */
export interface LocalNames {
  readonly hostName: (address: string) => string
  readonly portName: (port: number, protocol: 'tcp' | 'udp') => string
}

/** No names: addresses and numbers as they are. */
export const NUMERIC: LocalNames = { hostName: (address) => address, portName: String }

function* lines(path: string): Generator<string[]> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return
  }
  for (const line of text.split('\n')) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/)
    if (words.length >= 2) yield words
  }
}

/** Reads /etc/hosts and /etc/services; a file that is missing gives no names. */
export function localNames(hosts = '/etc/hosts', services = '/etc/services'): LocalNames {
  const hostNames = new Map<string, string>()
  for (const [address, name] of lines(hosts)) if (!hostNames.has(address!)) hostNames.set(address!, name!)
  const portNames = new Map<string, string>()
  for (const [name, port] of lines(services)) if (!portNames.has(port!)) portNames.set(port!, name!)
  return {
    hostName: (address) => hostNames.get(address) ?? address,
    portName: (port, protocol) => portNames.get(`${port}/${protocol}`) ?? String(port),
  }
}
