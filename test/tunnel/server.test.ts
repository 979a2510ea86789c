import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import type { ServerConfig } from '../../src/tunnel/config/types.ts'
import { silent } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'

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
})
