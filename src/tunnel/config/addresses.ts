import { isIP } from 'node:net'
import { parseCidr } from '../../base/address.ts'
import { type HostPort, parseHostPort, splitHostPort } from '../../transport/host-port.ts'

/** `host:port` or `[v6]:port`, to connect to. Undefined for anything else. */
export const parseRemote = (text: string): HostPort | undefined => parseHostPort(text, 1)

/** As `parseRemote`, to listen on: port 0 is any free one, and `:7000` or `*:7000` are all addresses of this machine. */
export function parseListen(text: string): HostPort | undefined {
  const { host, port = '' } = splitHostPort(text)
  const isEverywhere = (host === '' && text.startsWith(':')) || host === '*'
  return isEverywhere ? parseHostPort(`[::]:${port}`) : parseHostPort(text)
}

/** An IPv4 address with its prefix. */
export const isInterfaceAddress = (text: string): boolean => text.includes('/') && parseCidr(text) !== undefined

/** Whether only this machine reaches it. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
