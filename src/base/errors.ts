/**
 * Every code an operation of this library can fail with, and what it means.
 * Codes that Node knows keep Node's meaning; `docs/errors.md` has a heading for each.
 */
export const ERROR_CODES = {
  ECONNREFUSED: 'the peer answered with a reset: nothing listens on that port',
  ECONNRESET: 'the peer ended the connection with a reset',
  ECONNABORTED: 'the connection was aborted on this side',
  ETIMEDOUT: 'the peer did not answer in time',
  EHOSTUNREACH: 'no host answers for that address on the link, or a router said so',
  ENETUNREACH: 'no route leads to that address',
  EADDRINUSE: 'the local address and port are taken',
  EADDRNOTAVAIL: 'the address does not belong to this stack, or no port is free',
  EACCES: 'broadcast was not asked for, or a router forbids it',
  EMSGSIZE: 'the datagram is larger than the network can carry',
  ENOBUFS: 'no buffer is free for this now',
  EPIPE: 'this side of the connection is already closed for writing',
  ENOTCONN: 'the socket is not connected',
  EINVAL: 'the argument makes no sense',
  ENODEV: 'no such interface',
  ENETDOWN: 'the interface is down or gone',
  EPERM: 'the operating system does not permit it',
  EAFNOSUPPORT: 'that address family is not supported here',
  EBUSY: 'the server is busy with something else',
  EPROTO: 'the peer does not keep to the protocol',
  ERR_ADDON_MISSING: 'the native addon is not built or does not load',
  ERR_PROXY: 'the proxy cannot be reached, or does not speak its protocol',
  ERR_PROXY_AUTH: 'the proxy does not know the user name and password, or wants some',
  ERR_PROXY_REFUSED: 'the proxy will not do that',
  ERR_CONFIG: 'the configuration file cannot be used as it stands',
  ERR_AUTH: 'one side of a tunnel could not prove who it is',
  ERR_REFUSED: 'the server of a tunnel will not have it, now or at all',
  ERR_CERTIFICATE: 'the certificate of the peer is not one that is trusted',
  ERR_CLOSED: 'the stack or the socket is closed',
  ERR_WORKER: 'the thread of the stack has ended by itself',
  ERR_OUT_OF_RANGE: 'the argument is beyond its limits',
  ERR_INVALID_ARG_TYPE: 'the argument is of another kind than is asked for',
  ABORT_ERR: 'the operation was aborted by its AbortSignal',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** What an operation of the stack rejects with: a stable `code`, the operation, and the endpoints concerned. */
export class NetError extends Error {
  /** `NetError`; of an operation that was called off `AbortError`, as Node's own are named. */
  override readonly name: string
  readonly code: ErrorCode
  /** The operation that failed, in the manner of Node's `syscall`: connect, read, write, listen, ping. */
  readonly syscall: string | undefined
  /** The remote address, when one is concerned. */
  readonly address: string | undefined
  readonly port: number | undefined

  constructor(code: ErrorCode, message: string, where: { syscall?: string; address?: string; port?: number } = {}) {
    super(`${message} (${code})`)
    this.name = code === 'ABORT_ERR' ? 'AbortError' : 'NetError'
    this.code = code
    this.syscall = where.syscall
    this.address = where.address
    this.port = where.port
  }
}
