import { formatHostPort, type HostPort } from './host-port.ts'

/** A Unix socket: what node:net connects to and listens on, too. */
export interface UnixSocket {
  readonly path: string
}

/** Where a service listens, or connects to. */
export type Endpoint = HostPort | UnixSocket

/** What Linux takes as the path of a socket, in octets: `sun_path` has 108, the last of them 0 (unix(7)). */
export const MAX_SOCKET_PATH = 107

/** Whether the kernel takes it as the path of a Unix socket. */
export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= MAX_SOCKET_PATH

/** `host:port`, brackets around IPv6, `unix:/path`. */
export const formatEndpoint = (endpoint: Endpoint): string =>
  'path' in endpoint ? `unix:${endpoint.path}` : formatHostPort(endpoint)
