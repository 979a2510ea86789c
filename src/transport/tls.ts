import { constants } from 'node:crypto'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { NetError } from '../base/errors.ts'
import { Attempt, type AttemptOptions } from './attempt.ts'
import { fingerprintOf, type Identity } from './certificate.ts'

/**
 * Why a client believes that it speaks with its server:
 * - the server's certificate has one of these fingerprints (`parseFingerprint`), whoever signed it and whatever name it bears
 * - an authority of `ca` (PEM) signed it, and it is of `name`
 * - `channel`: it does not, yet. What follows must prove the server by `channelBinding`, as SCRAM-SHA-256-PLUS does
 */
export type Trust =
  | { readonly fingerprints: readonly string[] }
  | { readonly ca: string | Buffer; readonly name: string }
  | { readonly channel: true }

export interface SecureClientOptions extends AttemptOptions {
  readonly trust: Trust
  /** `host:port` of the server, for errors. */
  readonly peer: string
  /** For servers that want to see a certificate. */
  readonly identity?: Identity | undefined
}

export interface SecureServerOptions {
  readonly identity: Identity
  /** Clients must have a certificate of one of these authorities (PEM). */
  readonly clientCa?: string | Buffer | undefined
}

/** What is spoken inside, so that no other protocol's server is mistaken for ours, nor its client (RFC 7301). */
export const ALPN = 'gotcp/1'

/** RFC 9266 §4.2. */
const BINDING_LABEL = 'EXPORTER-Channel-Binding'
const BINDING_LENGTH = 32
/** The first one costs least where the processor knows AES. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'
/** TLS 1.3 (RFC 8446) only, and each channel is its own: no session is resumed. */
const COMMON: SecureContextOptions & { readonly ALPNProtocols: string[] } = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: CIPHERS,
  ALPNProtocols: [ALPN],
  secureOptions: constants.SSL_OP_NO_TICKET,
}

/** TLS sockets that reach from end to end, unlike those to a proxy. */
const channels = new WeakSet<Duplex>()

/**
 * TLS to the server at the other end of `socket`, which is not to be touched any more: it ends with the one returned.
 * @throws {NetError} ERR_CERTIFICATE when it is not the one we trust, EPROTO when it speaks no TLS 1.3 or another protocol
 * inside, ETIMEDOUT
 */
export function secureClient(socket: Duplex, options: SecureClientOptions): Promise<TLSSocket> {
  return Attempt.run(options, async (attempt) => {
    attempt.waitFor('ETIMEDOUT', `${options.peer} did not answer to TLS`)
    const plan = { ...COMMON, ...trustOptions(options.trust), ...proofOf(options), socket }
    const secure = attempt.hold(connect(plan), attempt.hold(socket))
    await secured(secure, options.peer)
    if (secure.alpnProtocol !== ALPN) throw failure(options.peer, 'it speaks TLS, but something else than gotcp inside')
    checkFingerprint(secure, options)
    channels.add(secure)
    return secure
  })
}

/**
 * A server of node:tls that does not listen: `server.emit('connection', socket)` makes it speak with the client at the
 * other end, and 'secureConnection' or 'tlsClientError' follow.
 */
export function createSecureServer({ identity, clientCa }: SecureServerOptions): Server {
  const server = createServer({
    ...COMMON,
    cert: identity.certificate,
    key: identity.key,
    honorCipherOrder: true,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  })
  server.prependListener('secureConnection', (socket) => {
    if (socket.alpnProtocol === ALPN) channels.add(socket)
    else socket.destroy()
  })
  return server
}

/**
 * 32 octets that both ends of a TLS channel know, and nobody in the middle of two (RFC 9266, `tls-exporter`). Undefined
 * for a socket without TLS from end to end.
 */
export function channelBinding(socket: Duplex): Buffer | undefined {
  if (!channels.has(socket)) return undefined
  return (socket as TLSSocket).exportKeyingMaterial(BINDING_LENGTH, BINDING_LABEL, Buffer.alloc(0))
}

/** The fingerprint of the certificate that the server showed; undefined as for `channelBinding`, and at the server. */
export function peerFingerprint(socket: Duplex): string | undefined {
  if (!channels.has(socket)) return undefined
  const { raw } = (socket as TLSSocket).getPeerCertificate()
  return raw === undefined ? undefined : fingerprintOf(raw)
}

function trustOptions(trust: Trust): ConnectionOptions {
  if (!('ca' in trust)) return { rejectUnauthorized: false }
  const { ca, name } = trust
  return { ca, host: name, ...(isIP(name) === 0 ? { servername: name } : {}) }
}

const proofOf = ({ identity }: SecureClientOptions): ConnectionOptions =>
  identity === undefined ? {} : { cert: identity.certificate, key: identity.key }

function secured(secure: TLSSocket, peer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    secure.once('secureConnect', resolve)
    secure.once('error', (error) => reject(wordsOf(error, secure, peer)))
    secure.once('close', () => reject(failure(peer, ENDED)))
  })
}

function checkFingerprint(secure: TLSSocket, { trust, peer }: SecureClientOptions): void {
  if (!('fingerprints' in trust)) return
  const found = fingerprintOf(secure.getPeerCertificate().raw)
  if (trust.fingerprints.includes(found)) return
  const why = `the server's certificate is ${found}, and ${trust.fingerprints.join(' or ')} is trusted`
  throw new NetError('ERR_CERTIFICATE', `Cannot trust ${peer}: ${why}`, { syscall: 'connect' })
}

/** Servers say nothing to whom they do not let in. */
const ENDED = 'it ended the connection: is that its port, and does it let this address in?'

const failure = (peer: string, why: string): NetError =>
  new NetError('EPROTO', `Cannot speak TLS with ${peer}: ${why}`, { syscall: 'connect' })

function wordsOf(error: NodeJS.ErrnoException & { reason?: string }, secure: TLSSocket, peer: string): NetError {
  if (error instanceof NetError) return error
  const { code = '', message, reason = message } = error
  // Node keeps here that the certificate is what is wrong.
  if (secure.authorizationError) {
    return new NetError('ERR_CERTIFICATE', `Cannot trust ${peer}: ${reason}`, { syscall: 'connect' })
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return failure(peer, 'it speaks no TLS')
  if (code === 'ECONNRESET') return failure(peer, ENDED)
  return failure(peer, reason)
}
