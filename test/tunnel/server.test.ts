import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { dialPath } from '../../src/transport/dial.ts'
import { channelBinding, secureClient } from '../../src/transport/tls.ts'
import { passwordCredentials } from '../../src/tunnel/auth/credentials.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import type { ServerConfig } from '../../src/tunnel/config/types.ts'
import { performClientHandshake } from '../../src/tunnel/handshake/perform.ts'
import { silent } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'
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
})
