import { type ErrorCode, NetError } from '../base/errors.ts'
import type { Attempt } from './attempt.ts'
import { type Hop, nameOf, whereOf } from './connect.ts'
import { formatHostPort, type HostPort } from './host-port.ts'
import type { ProxyAddress } from './proxy.ts'

/** A proxy as something to connect to. */
export const proxyHop = ({ host, port }: ProxyAddress): Hop => ({ prefix: 'the proxy ', code: 'ERR_PROXY', host, port })

/** `the proxy 10.0.0.1:1080`. */
export const proxyName = (proxy: ProxyAddress): string => nameOf(proxyHop(proxy))

export const protocolError = (proxy: ProxyAddress, why: string): NetError =>
  new NetError('ERR_PROXY', `Cannot speak with ${proxyName(proxy)}: ${why}`, whereOf(proxy))

export const loginError = (proxy: ProxyAddress, why: string): NetError =>
  new NetError('ERR_PROXY_AUTH', `${proxyName(proxy)} does not let us in: ${why}`, whereOf(proxy))

/** The proxy is well, and will or can not do what was asked: `what` follows "Cannot". */
export const refusal = (proxy: ProxyAddress, what: string, code: ErrorCode, why: string, to: HostPort): NetError =>
  new NetError(code, `Cannot ${what} through ${proxyName(proxy)}: ${why}`, whereOf(to))

export const connectWords = (to: HostPort): string => `connect to ${formatHostPort(to)}`

/** Speaks with a proxy; whatever the system says meanwhile is said of it. */
export async function talk<T>(proxy: ProxyAddress, attempt: Attempt, body: () => Promise<T>): Promise<T> {
  attempt.waitFor('ETIMEDOUT', `${proxyName(proxy)} did not answer`)
  try {
    return await body()
  } catch (error) {
    attempt.signal.throwIfAborted()
    if (error instanceof NetError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw protocolError(proxy, code === 'ECONNRESET' ? 'it reset the connection' : message)
  }
}
