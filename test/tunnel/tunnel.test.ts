import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { TunnelClient } from '../../src/tunnel/client.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import type { ClientConfig, ServerConfig } from '../../src/tunnel/config/types.ts'
import { silent } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-tunnel-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const echo = async (): Promise<Server> => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

const serverConfig = (backend: number, extra = ''): ServerConfig =>
  parseConfig(
    `
mode: server
listen: ["127.0.0.1:0"]
state: ${folder}
users: [{ name: ada, password: secret }]
services: [{ name: web, type: tcp, connect: "127.0.0.1:${backend}" }]
${extra}`,
    { file: join(folder, 'server.yaml') },
  ) as ServerConfig

const clientConfig = (remote: string, paths: number, extra = ''): ClientConfig =>
  parseConfig(
    `
mode: client
user: ada
password: secret
paths: [${Array.from({ length: paths }, (_, i) => `{ name: p${i}, remote: "${remote}" }`).join(', ')}]
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
${extra}`,
    { file: join(folder, 'client.yaml') },
  ) as ClientConfig

/** A tunnel to a server that echoes, with so many paths. */
async function tunnel(paths: number) {
  const backend = await echo()
  const server = new TunnelServer(serverConfig(portOf(backend)), silent)
  await server.start()
  const client = new TunnelClient(clientConfig(server.addresses[0]!, paths), silent)
  await client.start()
  await until(() => client.paths.every(({ state }) => state === 'up'))
  const [, port] = /:(\d+)$/.exec(client.services.status()[0]!.listening!)!
  const close = async (): Promise<void> => {
    await client.stop(0)
    await server.stop(0)
    backend.close()
  }
  return { server, client, port: Number(port), close }
}

async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    assert.ok(tries < 1000, 'it takes too long')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Sends octets and ends; what came back. */
function roundTrip(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
    socket.end(bytes)
  })
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('a tunnel', () => {
  for (const paths of [1, 3]) {
    it(`carries connections over ${paths} path(s), every octet`, async () => {
      const { port, close } = await tunnel(paths)
      const bytes = randomBytes(8_000_000)
      const all = await Promise.all([
        roundTrip(port, bytes),
        roundTrip(port, Buffer.from('hello')),
        roundTrip(port, bytes),
      ])
      await close()
      assert.equal(digest(all[0]), digest(bytes))
      assert.equal(all[1].toString(), 'hello')
      assert.equal(digest(all[2]), digest(bytes))
    })
  }

  it('goes on when all paths are cut, and comes back', async () => {
    const { port, client, server, close } = await tunnel(2)
    const socket = connect({ port, host: '127.0.0.1' })
    const answer = (): Promise<string> => new Promise((resolve) => socket.once('data', (bytes) => resolve(`${bytes}`)))
    socket.write('before')
    assert.equal(await answer(), 'before')
    const [served] = server.sessions.values()
    for (const path of served!.live.session.paths) served!.live.session.dropPath(path, 'cut')
    await until(() => client.paths.every(({ connections }) => connections === 2))
    socket.write('after')
    assert.equal(await answer(), 'after')
    assert.equal(server.sessions.size, 1)
    socket.destroy()
    await close()
  })
})
