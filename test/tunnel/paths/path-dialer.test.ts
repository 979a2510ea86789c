import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { parseConfig } from '../../../src/tunnel/config/parse.ts'
import type { ClientConfig } from '../../../src/tunnel/config/types.ts'
import { PathDialer } from '../../../src/tunnel/paths/path-dialer.ts'
import { listen } from '../world.ts'

describe('PathDialer', () => {
  it('connects to nobody when a file that it needs is there no more', async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.destroy()
    })
    const port = await listen(server)
    const text = `{ mode: client, user: ada, password: one-that-is-long-enough, services: [],
      paths: [{ remote: "127.0.0.1:${port}" }] }`
    const { trust, paths } = parseConfig(text, { file: 'client.yaml' }) as ClientConfig
    const files = { certificate: '/nowhere/c.pem', key: '/nowhere/k.pem' }
    for (const config of [
      { trust: { by: 'ca', ca: '/nowhere/ca.pem', name: undefined }, certificate: undefined },
      { trust, certificate: files },
    ] as const) {
      const limits = { signal: AbortSignal.timeout(5000), timeout: 5000 }
      await assert.rejects(new PathDialer(config).dial(paths[0]!, limits), { code: 'ENOENT' })
    }
    server.close()
    assert.equal(connections, 0)
  })
})
