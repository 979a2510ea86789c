import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { fingerprintOf, ownIdentity } from '../../src/transport/certificate.ts'
import { createSecureServer } from '../../src/transport/tls.ts'
import { TunnelClient } from '../../src/tunnel/client.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import type { ClientConfig, ServerConfig } from '../../src/tunnel/config/types.ts'
import { writeGreeting } from '../../src/tunnel/handshake/messages.ts'
import { silent } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'
import { temporaryFolder } from '../transport/temporary.ts'
import { listen, Relay, until } from './world.ts'

const LIMIT = { timeout: 60_000 }
const PASSWORD = 'one-that-is-long-enough'

/** What a test has open, to be closed when it ends. */
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function serving(state: string): Promise<{ server: TunnelServer; config: ServerConfig; port: number }> {
  const text = `{ mode: server, listen: ["127.0.0.1:0"], state: "${state}", services: [],
    users: [{ name: ada, password: ${PASSWORD} }] }`
  const config = parseConfig(text, { file: join(state, 's.yaml') }) as ServerConfig
  const server = new TunnelServer(config, silent)
  await server.start()
  closing.push(() => server.stop(0))
  return { server, config, port: Number(/:(\d+)$/.exec(server.addresses[0]!)![1]) }
}

async function relayTo(port: number): Promise<{ relay: Relay; port: number }> {
  const relay = new Relay(port)
  closing.push(() => relay.close())
  return { relay, port: await relay.listen() }
}

/** A client whose paths lead to servers of these names, each by way of a redirector. */
async function dialing(state: string, redirectors: Readonly<Record<string, number>>): Promise<TunnelClient> {
  const paths = Object.entries(redirectors).map(
    ([name, port]) => `{ name: ${name}, remote: "${name}.example:7000", proxy: "tcp://127.0.0.1:${port}" }`,
  )
  const text = `{ mode: client, state: "${state}", user: ada, password: ${PASSWORD}, services: [], paths: [${paths.join()}] }`
  const client = new TunnelClient(parseConfig(text, { file: join(state, 'c.yaml') }) as ClientConfig, silent)
  await client.start()
  closing.push(() => client.stop(0))
  return client
}

const areUp = (client: TunnelClient) => () => client.paths.every(({ state }) => state === 'up')
const hasFailed = (client: TunnelClient) => () => client.paths.every(({ lastError }) => lastError !== undefined)

/** Somebody who plays the server with a certificate of his own; what he has heard inside TLS. */
async function impostor(folder: string): Promise<{ port: number; met: () => number; heard: () => number }> {
  const secure = createSecureServer({ identity: await ownIdentity(folder) })
  let [met, heard] = [0, 0]
  secure.on('secureConnection', (socket) => {
    met++
    socket.on('data', (bytes) => void (heard += bytes.length)).on('error', () => undefined)
    const nonce = Buffer.alloc(16)
    socket.write(writeGreeting({ minVersion: 1, maxVersion: 1, mechanisms: 2, features: 0, nonce }))
  })
  const tcp = createServer((socket) =>
    secure.emit(
      'connection',
      socket.on('error', () => undefined),
    ),
  )
  closing.push(() => tcp.close())
  return { port: await listen(tcp), met: () => met, heard: () => heard }
}

describe('a client whose configuration does not say how the server is known', () => {
  it('tells nothing to another certificate once the server has proven itself', LIMIT, () =>
    temporaryFolder(async (folder) => {
      const { port } = await serving(join(folder, 'server'))
      const { relay, port: redirector } = await relayTo(port)
      const state = join(folder, 'client')
      const first = await dialing(state, { vpn: redirector })
      await until(areUp(first))
      const known = join(state, 'known-servers')
      await until(() => readIfThere(known).includes('vpn.example:7000 sha256:'))
      await first.stop(0)
      const evil = await impostor(join(folder, 'evil'))
      relay.to = evil.port
      const second = await dialing(state, { vpn: redirector })
      await until(hasFailed(second))
      assert.match(second.paths[0]!.lastError!.message, /^Cannot trust vpn\.example:7000: .*remove its line from/)
      assert.equal((second.paths[0]!.lastError as NodeJS.ErrnoException).code, 'ERR_CERTIFICATE')
      assert.deepEqual([evil.met(), evil.heard()], [1, 0])
      await second.stop(0)
      // Whoever never knew the server is met by the impostor as ever: he hears a proof, and cannot use it.
      const stranger = await dialing(join(folder, 'stranger'), { vpn: redirector })
      await until(() => evil.heard() > 0)
      assert.equal(readIfThere(join(folder, 'stranger', 'known-servers')), '')
      await stranger.stop(0)
    }),
  )

  it('takes a new certificate when its line is gone', LIMIT, () =>
    temporaryFolder(async (folder) => {
      const state = join(folder, 'client')
      const home = join(folder, 'server')
      const old = await serving(home)
      const { relay, port } = await relayTo(old.port)
      const first = await dialing(state, { vpn: port })
      await until(areUp(first))
      const known = join(state, 'known-servers')
      await until(() => readIfThere(known) !== '')
      await first.stop(0)
      await old.server.stop(0)
      rmSync(join(home, 'identity.pem'))
      relay.to = (await serving(home)).port
      const second = await dialing(state, { vpn: port })
      await until(hasFailed(second))
      assert.match(second.paths[0]!.lastError!.message, /Cannot trust/)
      await second.stop(0)
      writeFileSync(known, '')
      const third = await dialing(state, { vpn: port })
      await until(areUp(third))
      // It writes what it has learnt by itself, and the folder must not go away under it.
      await until(() => readIfThere(known) !== '')
      await third.stop(0)
    }),
  )

  it('knows each way to the server, and what a path shows that proves the session', LIMIT, () =>
    temporaryFolder(async (folder) => {
      const state = join(folder, 'client')
      const { server, config, port } = await serving(join(folder, 'server'))
      const [one, other] = [await relayTo(port), await relayTo(port)]
      const client = await dialing(state, { one: one.port, other: other.port })
      await until(areUp(client))
      const [old] = server.fingerprints
      const known = join(state, 'known-servers')
      const lines = () =>
        readIfThere(known)
          .split('\n')
          .filter((line) => /^o/.test(line))
          .sort()
      await until(() => lines().length === 2)
      assert.deepEqual(lines(), [`one.example:7000 ${old}`, `other.example:7000 ${old}`])
      // The server listens anew with another certificate; the session goes on, and a path that joins it proves it.
      rmSync(join(folder, 'server', 'identity.pem'))
      const { certificate } = await ownIdentity(join(folder, 'server'))
      server.removeListener(config.listeners[0]!)
      await server.addListener(config.listeners[0]!)
      other.relay.to = Number(/:(\d+)$/.exec(server.addresses[0]!)![1])
      other.relay.cut()
      await until(() => lines()[1] === `other.example:7000 ${fingerprintOf(certificate)}`)
      assert.equal(lines()[0], `one.example:7000 ${old}`)
    }),
  )
})

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
