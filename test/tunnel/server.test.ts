import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fingerprintOf, type Identity } from '../../src/transport/certificate.ts'
import { dialPath } from '../../src/transport/dial.ts'
import { channelBinding, peerFingerprint, secureClient } from '../../src/transport/tls.ts'
import { passwordCredentials } from '../../src/tunnel/auth/credentials.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import type { ServerConfig } from '../../src/tunnel/config/types.ts'
import { performClientHandshake } from '../../src/tunnel/handshake/perform.ts'
import { silent } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'
import { testCertificate } from '../transport/certificate.ts'
import { temporaryFolder } from '../transport/temporary.ts'
import { until } from './world.ts'

const LIMIT = { timeout: 60_000 }

describe('TunnelServer', () => {
  it('challenges a name with the same salt after a restart, whether there is such a user or not', async () => {
    const state = mkdtempSync(join(tmpdir(), 'gotcp-server-'))
    const config = parseConfig(
      `{ mode: server, listen: ["127.0.0.1:0"], state: "${state}", services: [],
         users: [{ name: ada, password: one-that-is-long-enough }] }`,
      { file: join(state, 'server.yaml') },
    ) as ServerConfig
    const salts: string[][] = []
    try {
      for (let i = 0; i < 2; i++) {
        const server = new TunnelServer(config, silent)
        await server.start()
        salts.push(['ada', 'nobody'].map((name) => Buffer.from(server.users.keysFor(name).salt).toString('hex')))
        await server.stop(0)
      }
      assert.deepEqual(salts[0], salts[1])
      assert.notEqual(salts[0]![0], salts[0]![1])
      assert.equal(statSync(join(state, 'salt.secret')).mode & 0o777, 0o600)
    } finally {
      rmSync(state, { recursive: true, force: true })
    }
  })

  it('turns a banned address away before TLS, unless a session came from there', LIMIT, async () => {
    const state = mkdtempSync(join(tmpdir(), 'gotcp-server-'))
    const config = parseConfig(
      `{ mode: server, listen: ["127.0.0.1:0"], state: "${state}", services: [], limits: { ban-after: 1 },
         users: [{ name: ada, password: one-that-is-long-enough }] }`,
      { file: join(state, 'server.yaml') },
    ) as ServerConfig
    const server = new TunnelServer(config, silent)
    await server.start()
    const port = Number(/:(\d+)$/.exec(server.addresses[0]!)![1])
    /** TLS from an address, and whatever the handshake on it comes to. */
    const dial = (local: string) => dialPath({ host: '127.0.0.1', port, local })
    const secured = async (local: string) =>
      secureClient(await dial(local), { trust: { channel: true }, peer: 'the server' })
    const log = async (local: string, password: string, instance: number) => {
      const socket = await secured(local)
      const credentials = passwordCredentials('ada', password)
      const wish = { kind: 'authenticate', credentials, instance: Buffer.alloc(16, instance), credit: 65_536 } as const
      return performClientHandshake(socket, { wish, binding: channelBinding(socket) })
    }
    const [at, other] = ['127.0.0.2', '127.0.0.3']
    try {
      const { result, socket } = await log(at, 'one-that-is-long-enough', 1)
      assert.equal(result.kind, 'authenticated')
      for (const local of [at, other]) await assert.rejects(log(local, 'a guess', 2), { failure: 'credentials' })
      assert.equal(server.guard.banned, 2)
      // Nobody came from the one: it hears nothing of TLS.
      await assert.rejects(secured(other), /it ended the connection.*does it let this address in\?/)
      const [counts] = server.doorCounts
      assert.deepEqual([counts!.refused, counts!.accepted, server.guard.counters.get('banned')], [1, 3, 1])
      // From the other a session came: it may have another path, and nobody tries passwords.
      await assert.rejects(log(at, 'one-that-is-long-enough', 3), { failure: 'banned' })
      const second = await secured(at)
      const wish = { kind: 'join', session: result.session, pathId: 1 } as const
      const joined = await performClientHandshake(second, { wish, binding: channelBinding(second) })
      assert.equal(joined.result.kind, 'joined')
      await until(() => server.guard.halfOpen === 0)
      for (const each of [socket, second]) each.destroy()
    } finally {
      await server.stop(0)
      rmSync(state, { recursive: true, force: true })
    }
  })

  it(
    'wants certificates of its authority where it is told to, and shows a new one of its own after a reload',
    LIMIT,
    () =>
      temporaryFolder(async (state) => {
        const file = (name: string, text: string): string => {
          writeFileSync(join(state, name), text)
          return join(state, name)
        }
        const [theirs, first, second] = [await testCertificate(), await testCertificate(), await testCertificate()]
        const config = parseConfig(
          `{ mode: server, listen: ["127.0.0.1:0"], state: "${state}", services: [], users: [{ name: ada, password: a-password }],
           tls: { client-ca: "${file('ca.pem', theirs.cert)}",
                  certificate: "${file('cert.pem', first.cert)}", key: "${file('key.pem', first.key)}" } }`,
          { file: join(state, 'server.yaml') },
        ) as ServerConfig
        const server = new TunnelServer(config, silent)
        await server.start()
        const port = Number(/:(\d+)$/.exec(server.addresses[0]!)![1])
        /** The certificate that the server shows to whoever shows this one; or why he does not come in. */
        const shown = async (identity: Identity | undefined): Promise<string> => {
          const trust = { channel: true } as const
          const socket = await secureClient(await dialPath({ host: '127.0.0.1', port }), {
            trust,
            peer: 'it',
            identity,
          })
          const fingerprint = peerFingerprint(socket)!
          const credentials = passwordCredentials('ada', 'a-password')
          const wish = { kind: 'authenticate', credentials, instance: Buffer.alloc(16), credit: 65_536 } as const
          try {
            await performClientHandshake(socket, { wish, binding: channelBinding(socket) })
            return fingerprint
          } catch (error) {
            return (error as Error).message
          } finally {
            socket.destroy()
          }
        }
        try {
          const known = { certificate: theirs.cert, key: theirs.key }
          assert.equal(await shown(known), fingerprintOf(first.cert))
          assert.match(await shown(undefined), /the server wants a certificate: say which in `certificate`/)
          const stranger = { certificate: second.cert, key: second.key }
          assert.match(await shown(stranger), /ended in the middle of the handshake/)
          assert.deepEqual(await server.renewCertificates(), [])
          file('cert.pem', second.cert)
          const name = '127.0.0.1:0'
          const [failed] = await server.renewCertificates()
          assert.deepEqual([failed?.kind, failed?.name, failed?.change], ['certificate', name, 'failed'])
          assert.match(failed!.why!, /it is not the key of/)
          assert.equal(await shown(known), fingerprintOf(first.cert))
          file('key.pem', second.key)
          assert.deepEqual(await server.renewCertificates(), [{ kind: 'certificate', name, change: 'changed' }])
          assert.equal(await shown(known), fingerprintOf(second.cert))
          assert.deepEqual(server.fingerprints, [fingerprintOf(second.cert)])
        } finally {
          await server.stop(0)
        }
      }),
  )

  it('tells those that are shaking hands that it ends', LIMIT, () =>
    temporaryFolder(async (state) => {
      const config = parseConfig(
        `{ mode: server, listen: ["127.0.0.1:0"], state: "${state}", services: [], users: [{ name: ada, password: a-password }] }`,
        { file: join(state, 'server.yaml') },
      ) as ServerConfig
      const server = new TunnelServer(config, silent)
      await server.start()
      const port = Number(/:(\d+)$/.exec(server.addresses[0]!)![1])
      const trust = { channel: true } as const
      const socket = await secureClient(await dialPath({ host: '127.0.0.1', port }), { trust, peer: 'it' })
      await once(socket, 'readable')
      await server.stop(0)
      const credentials = passwordCredentials('ada', 'a-password')
      const wish = { kind: 'authenticate', credentials, instance: Buffer.alloc(16), credit: 65_536 } as const
      await assert.rejects(performClientHandshake(socket, { wish, binding: channelBinding(socket) }), {
        failure: 'closing',
      })
    }),
  )
})
