import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { fingerprintOf, type Identity } from '../../src/transport/certificate.ts'
import {
  ALPN,
  channelBinding,
  createSecureServer,
  type SecureClientOptions,
  type SecureServerOptions,
  secureClient,
  type Trust,
} from '../../src/transport/tls.ts'
import { testCertificate } from './certificate.ts'
import { securePair, socketPair, testIdentity } from './sockets.ts'

const LIMIT = { timeout: 60_000 }
const PEER = 'server.example:7000'
const TRUSTING: Trust = { channel: true }

describe('TLS from end to end', () => {
  let open: Socket[] = []
  afterEach(async () => {
    // Beneath TLS, so not from within a call of OpenSSL.
    await new Promise(setImmediate)
    for (const socket of open) socket.destroy()
    open = []
  })

  async function pair(): Promise<readonly [Socket, Socket]> {
    const [near, far] = await socketPair()
    open.push(near, far)
    return [near, far]
  }

  /** Both ends of a channel, once both have it. */
  async function channel(
    client: Partial<SecureClientOptions> = {},
    server: Partial<SecureServerOptions> = {},
  ): Promise<readonly [TLSSocket, TLSSocket]> {
    const [near, far] = await pair()
    const accepting = createSecureServer({ identity: await testIdentity(), ...server })
    accepting.on('tlsClientError', () => undefined)
    const accepted = once(accepting, 'secureConnection')
    accepting.emit('connection', far)
    const secure = await secureClient(near, { trust: TRUSTING, peer: PEER, timeout: 20_000, ...client })
    return [secure, ((await accepted) as [TLSSocket])[0]]
  }

  const fails = async (client: Partial<SecureClientOptions>, server: Partial<SecureServerOptions> = {}) =>
    channel(client, server).then(
      () => 'nothing',
      (error) => error.message as string,
    )

  /** Against another server of node:tls than ours. */
  async function failsWith(server: Server): Promise<string> {
    const [near, far] = await pair()
    server.on('tlsClientError', () => undefined)
    server.emit('connection', far)
    return secureClient(near, { trust: TRUSTING, peer: PEER, timeout: 20_000 }).then(
      () => 'nothing',
      (error) => error.message as string,
    )
  }

  const named = async (ip: string): Promise<Identity> => {
    const { cert, key } = await testCertificate(ip)
    return { certificate: cert, key }
  }

  it('is TLS 1.3, with our protocol inside', async () => {
    const [client, server] = await channel()
    for (const socket of [client, server]) {
      assert.equal(socket.getProtocol(), 'TLSv1.3')
      assert.equal(socket.alpnProtocol, ALPN)
    }
    client.write('hello')
    assert.equal(String(((await once(server, 'data')) as [Buffer])[0]), 'hello')
  })

  it('has a binding that both ends know, and no other channel has (RFC 9266)', async () => {
    const [client, server] = await channel()
    const [other] = await channel()
    const binding = channelBinding(client)!
    assert.equal(binding.length, 32)
    assert.deepEqual(channelBinding(server), binding)
    assert.notDeepEqual(channelBinding(other), binding)
  })

  it('has none without TLS, nor where the TLS is of somebody in between', async () => {
    const [near, far] = await pair()
    assert.equal(channelBinding(near), undefined)
    const { key, cert } = await testCertificate()
    const proxy = createServer({ key, cert })
    proxy.emit('connection', far)
    const secure = connect({ socket: near, rejectUnauthorized: false })
    await once(secure, 'secureConnect')
    assert.equal(channelBinding(secure), undefined)
  })

  it('goes through TLS to a proxy', async () => {
    const [outside, beyond] = await securePair()
    open.push(outside, beyond)
    const accepting = createSecureServer({ identity: await testIdentity() })
    const accepted = once(accepting, 'secureConnection')
    accepting.emit('connection', beyond)
    const inside = await secureClient(outside, { trust: TRUSTING, peer: PEER })
    const [server] = (await accepted) as [TLSSocket]
    server.end('hello')
    assert.equal(String(((await once(inside, 'data')) as [Buffer])[0]), 'hello')
    assert.deepEqual(channelBinding(inside), channelBinding(server))
    assert.notDeepEqual(channelBinding(inside), channelBinding(outside))
  })

  it('trusts a fingerprint, and no other', async () => {
    const fingerprint = fingerprintOf((await testIdentity()).certificate)
    await channel({ trust: { fingerprints: [fingerprint] } })
    const other = await named('127.0.0.1')
    assert.equal(
      await fails({ trust: { fingerprints: [fingerprint] } }, { identity: other }),
      `Cannot trust ${PEER}: the server's certificate is ${fingerprintOf(other.certificate)}, ` +
        `and ${fingerprint} is trusted (ERR_CERTIFICATE)`,
    )
  })

  it('trusts an authority for one name, or one address', async () => {
    const identity = await named('10.0.0.1')
    const ca = identity.certificate
    for (const name of ['localhost', '10.0.0.1']) await channel({ trust: { ca, name } }, { identity })
    for (const name of ['other.example', '10.0.0.2']) {
      assert.match(
        await fails({ trust: { ca, name } }, { identity }),
        /^Cannot trust server\.example:7000: .*ERR_CERTIF/,
      )
    }
    const stranger = await named('10.0.0.1')
    assert.match(
      await fails({ trust: { ca, name: '10.0.0.1' } }, { identity: stranger }),
      /^Cannot trust .*self.signed.*\(ERR_CERTIFICATE\)$/,
    )
  })

  it('asks clients for a certificate where it is told to', LIMIT, async () => {
    const identity = await named('10.0.0.1')
    const clientCa = identity.certificate
    await channel({ identity }, { clientCa })
    // In TLS 1.3 the client is ready before the server has seen who it is, so it learns of it by the end.
    for (const wrong of [undefined, await named('10.0.0.1')]) {
      const [near, far] = await pair()
      const accepting = createSecureServer({ identity: await testIdentity(), clientCa })
      let accepted = 0
      accepting.on('secureConnection', () => accepted++).on('tlsClientError', () => undefined)
      const refused = new Promise((resolve) => far.once('close', resolve))
      accepting.emit('connection', far)
      const secure = await secureClient(near, { trust: TRUSTING, peer: PEER, identity: wrong }).catch(() => undefined)
      await refused
      secure?.destroy()
      assert.equal(accepted, 0)
    }
  })

  it('is not for older versions, other protocols, or none', LIMIT, async () => {
    const { key, cert } = await testCertificate()
    const of = (options: object) => failsWith(createServer({ key, cert, ...options }))
    assert.match(await of({ maxVersion: 'TLSv1.2', ALPNProtocols: [ALPN] }), /^Cannot speak TLS with .*\(EPROTO\)$/)
    assert.match(await of({ ALPNProtocols: ['http/1.1'] }), /^Cannot speak TLS with .*\(EPROTO\)$/)
    assert.match(await of({}), /it speaks TLS, but something else than gotcp inside \(EPROTO\)$/)
    const [near, far] = await pair()
    far.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    await assert.rejects(secureClient(near, { trust: TRUSTING, peer: PEER }), /it speaks no TLS \(EPROTO\)$/)
    const [gone, end] = await pair()
    end.end()
    await assert.rejects(
      secureClient(gone, { trust: TRUSTING, peer: PEER }),
      /it ended the connection: is that its port, .*\(EPROTO\)$/,
    )
  })

  it('does not take a client that speaks another protocol inside', LIMIT, async () => {
    for (const ALPNProtocols of [undefined, ['http/1.1']]) {
      const [near, far] = await pair()
      const accepting = createSecureServer({ identity: await testIdentity() })
      accepting.on('tlsClientError', () => undefined)
      accepting.emit('connection', far)
      const client = connect({ socket: near, rejectUnauthorized: false, ...(ALPNProtocols && { ALPNProtocols }) })
      client.on('error', () => undefined).resume()
      await once(far, 'close')
      client.destroy()
    }
  })

  it('resumes no session', async () => {
    const accepting = createSecureServer({ identity: await testIdentity() })
    let session: Buffer | undefined
    for (let i = 0; i < 2; i++) {
      const [near, far] = await pair()
      const accepted = once(accepting, 'secureConnection')
      accepting.emit('connection', far)
      const options = { socket: near, rejectUnauthorized: false, ALPNProtocols: [ALPN], ...(session && { session }) }
      const client = connect(options)
      client.on('session', (ticket) => {
        session = ticket
      })
      const [server] = (await accepted) as [TLSSocket]
      server.end('x')
      await once(client.resume(), 'end')
      assert.equal(client.isSessionReused(), false)
      session ??= client.getSession()
    }
  })

  it('gives up after its time, and at its signal', async () => {
    const [near] = await pair()
    await assert.rejects(
      secureClient(near, { trust: TRUSTING, peer: PEER, timeout: 20 }),
      /^NetError: server\.example:7000 did not answer to TLS within 0\.02 s \(ETIMEDOUT\)$/,
    )
    assert.equal(near.destroyed, true)
    const [other] = await pair()
    const signal = AbortSignal.timeout(20)
    await assert.rejects(secureClient(other, { trust: TRUSTING, peer: PEER, signal }), { name: 'TimeoutError' })
    assert.equal(other.destroyed, true)
  })
})
