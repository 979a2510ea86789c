import { existsSync, readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls'
import type { Attempt } from './attempt.ts'
import type { PathProxy } from './proxy.ts'
import { protocolError, proxyName, talk } from './proxy-talk.ts'

/** Where Linux systems keep the authorities that their administrator trusts. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

let ofSystem: SecureContext | undefined

/** Trusts the system's authorities, or Node's own where the system has none; it takes a while, so it is made once. */
function contextOfSystem(): SecureContext {
  if (ofSystem !== undefined) return ofSystem
  const bundle = SYSTEM_BUNDLES.find((path) => existsSync(path))
  ofSystem = contextWith(bundle === undefined ? [...rootCertificates] : readFileSync(bundle))
  return ofSystem
}

const contextWith = (ca: string | Buffer | string[]): SecureContext =>
  createSecureContext({ ca, minVersion: 'TLSv1.2' })

/**
 * TLS to an HTTPS proxy. Its certificate must be of its host, and come from the authorities in `ca` (PEM), or of the system.
 * @throws {NetError} ERR_PROXY
 */
export function secureProxy(
  socket: Socket,
  proxy: PathProxy,
  ca: string | Buffer | undefined,
  attempt: Attempt,
): Promise<TLSSocket> {
  return talk(proxy, attempt, () => {
    attempt.waitFor('ERR_PROXY', `${proxyName(proxy)} did not answer to TLS`)
    const { host } = proxy
    const secureContext = ca === undefined ? contextOfSystem() : contextWith(ca)
    const name = isIP(host) === 0 ? { servername: host } : {}
    const secure = connect({ socket, host, secureContext, ALPNProtocols: ['http/1.1'], ...name })
    return secured(attempt.hold(secure, socket), proxy)
  })
}

function secured(secure: TLSSocket, proxy: PathProxy): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    secure.once('secureConnect', () => resolve(secure))
    secure.once('error', (error) => reject(protocolError(proxy, `TLS failed: ${wordsOf(error)}`)))
  })
}

/** What OpenSSL says, without its numbers, and what mends it. */
function wordsOf({ code = '', message, reason = message }: NodeJS.ErrnoException & { reason?: string }): string {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'it speaks no TLS; http:// is for proxies without'
  const isUnknown = /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code)
  return isUnknown ? `${reason}; say in proxy-ca which authority it is from, or add that to the system's` : reason
}
