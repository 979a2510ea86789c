import type { Socket } from 'node:net'
import { NetError } from '../base/errors.ts'
import { Attempt, type AttemptOptions } from './attempt.ts'
import { connectTo, type Hop, type Source } from './connect.ts'
import { formatHostPort, type HostPort, isHost } from './host-port.ts'
import { connectByHttp } from './http-connect.ts'
import type { PathProxy } from './proxy.ts'
import { proxyHop } from './proxy-talk.ts'
import { secureProxy } from './proxy-tls.ts'
import { negotiateSocks5 } from './socks5.ts'
import { Command } from './socks5-wire.ts'

/** Where a path is to lead, and which way. */
export interface DialOptions extends HostPort, Source, AttemptOptions {
  /** What it goes through. Default: nothing. */
  readonly proxy?: PathProxy | undefined
  /** Authorities for the certificate of an HTTPS proxy, in place of the system's: PEM. */
  readonly proxyCa?: string | Buffer | undefined
}

/**
 * Makes one attempt at a connection that carries a path: nothing is kept of a former one, names are looked up anew. The
 * socket is half-open by choice, paused, and holds whatever the target has said already; who takes it over listens for
 * errors (until then they are swallowed, and 'close' follows) and lets it flow.
 * @throws {NetError} that says which hop failed and why: ERR_PROXY (unreachable, or no proxy of that kind), ERR_PROXY_AUTH,
 * ERR_PROXY_REFUSED; ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH and the like about the target; EADDRNOTAVAIL and ENODEV about
 * this end; EINVAL for a target that is none.
 */
export function dialPath(options: DialOptions): Promise<Socket> {
  return Attempt.run(options, async (attempt) => {
    const { host, port, proxy, via } = options
    if (!isHost(host) || !(port > 0 && port <= 65535)) {
      throw new NetError('EINVAL', `Cannot connect to ${JSON.stringify(host)} port ${port}: no such host or port`)
    }
    if (via !== undefined && (options.local ?? options.interface) !== undefined) {
      throw new NetError(
        'EINVAL',
        'Cannot go by our own stack from an address or interface of the kernel: leave one out',
      )
    }
    if (proxy === undefined) return await connectTo({ prefix: '', host, port }, options, attempt)
    const socket = await connectTo(hopOf(proxy, options), options, attempt)
    return await passThrough(socket, proxy, options, attempt)
  })
}

/** From a connection to the proxy to one to the target. */
async function passThrough(socket: Socket, proxy: PathProxy, options: DialOptions, attempt: Attempt): Promise<Socket> {
  const to: HostPort = { host: options.host, port: options.port }
  switch (proxy.kind) {
    case 'tcp':
      return socket
    case 'socks5':
      await negotiateSocks5(socket, proxy, { command: Command.CONNECT, to }, attempt)
      return socket
    case 'http':
      await connectByHttp(socket, proxy, to, attempt)
      return socket
    case 'https': {
      const secure = await secureProxy(socket, proxy, options.proxyCa, attempt)
      await connectByHttp(secure, proxy, to, attempt)
      return secure
    }
  }
}

/** A redirector is not seen: whatever fails may as well be the target. */
function hopOf(proxy: PathProxy, target: HostPort): Hop {
  if (proxy.kind !== 'tcp') return proxyHop(proxy)
  return { prefix: `${formatHostPort(target)} by way of `, host: proxy.host, port: proxy.port }
}
