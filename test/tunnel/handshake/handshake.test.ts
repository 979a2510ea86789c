import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passwordCredentials } from '../../../src/tunnel/auth/credentials.ts'
import type { ClientSession } from '../../../src/tunnel/handshake/client.ts'
import { authenticate, CHANNEL, type ClientEnd, clientEnd, LIMITS, OTHER_CHANNEL, relay, World } from './ends.ts'

function sessionOf(client: ClientEnd): ClientSession {
  assert.equal(client.error, undefined)
  assert.equal(client.result?.kind, 'authenticated')
  return client.result.session
}

describe('a new session', () => {
  for (const [name, binding] of [
    ['inside TLS', CHANNEL],
    ['without TLS', undefined],
  ] as const) {
    it(`begins with a password ${name}, and both sides know the same`, async () => {
      const world = await World.create()
      const { client, server } = await world.run({ binding, features: 5 }, { binding, features: 6 })
      const session = sessionOf(client)
      assert.deepEqual(session.limits, LIMITS)
      assert.equal(server.result?.user.name, 'ada')
      assert.equal(server.result.session.clientCredit, 65_536)
      assert.deepEqual(Buffer.from(session.id), server.result.session.id)
      assert.deepEqual([client.result?.features, server.result.features], [4, 4])
      assert.equal(world.guard.halfOpen, 0)
    })
  }

  it('is joined by another path, which proves itself both ways', async () => {
    const world = await World.create()
    const session = sessionOf((await world.run({ binding: CHANNEL }, { binding: CHANNEL })).client)
    for (const pathId of [1, 3, 2]) {
      const wish = { kind: 'join', session, pathId } as const
      const { client, server } = await world.run({ wish, binding: OTHER_CHANNEL }, { binding: OTHER_CHANNEL })
      assert.deepEqual(client.result, { kind: 'joined', pathId, features: 0 })
      assert.equal(server.result?.kind, 'joined')
      assert.deepEqual(server.result.session.id, Buffer.from(session.id))
      assert.equal(server.result.pathId, pathId)
    }
    assert.equal([...world.sessions][0]?.paths.size, 4)
  })

  it('survives every way of cutting the octets', async () => {
    const world = await World.create()
    const cuts = Array.from({ length: 200 }, (_, at) => (bytes: Buffer) => [bytes.subarray(0, at), bytes.subarray(at)])
    cuts.push((bytes: Buffer) => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)))
    for (const cut of cuts) {
      const first = { client: clientEnd({ binding: CHANNEL }), server: world.server({ binding: CHANNEL }) }
      await relay(first.client, first.server, cut)
      const wish = { kind: 'join', session: sessionOf(first.client), pathId: 1 } as const
      const second = { client: clientEnd({ wish }), server: world.server() }
      await relay(second.client, second.server, cut)
      assert.equal(second.client.result?.kind, 'joined')
      assert.equal(second.server.result?.session, first.server.result?.session)
    }
    assert.equal(world.sessions.size, 1)
  })

  it('hands on what comes behind the handshake', async () => {
    const world = await World.create()
    const ends = { client: clientEnd(), server: world.server() }
    const records = Buffer.from('the first records')
    const behindLast = (bytes: Buffer) => (ends.server.isOver ? [Buffer.concat([bytes, records])] : [bytes])
    await relay(ends.client, ends.server, behindLast)
    assert.deepEqual(Buffer.from(ends.client.rest!), records)
  })
})

describe('what is refused', () => {
  it('a wrong password and an unknown user, with the same answer', async () => {
    const world = await World.create()
    for (const credentials of [passwordCredentials('ada', 'pencils'), passwordCredentials('eve', 'pencil')]) {
      const { client, server } = await world.run({ wish: authenticate(credentials) })
      assert.equal(client.error?.failure, 'credentials')
      assert.equal(client.error.code, 'ERR_AUTH')
      assert.equal(client.error.isFromPeer, true)
      assert.equal(server.error?.failure, 'credentials')
    }
    assert.equal(world.guard.counters.get('credentials'), 2)
  })

  it('a name that does not exist, with answers of the same shape as one that does', async () => {
    const world = await World.create()
    const answers = async (user: string): Promise<string[]> => {
      const client = clientEnd({ wish: authenticate(passwordCredentials(user, 'wrong')) })
      const server = world.server()
      const heard: string[] = []
      await relay(client, server, (bytes) => {
        heard.push(bytes.toString('latin1'))
        return [bytes]
      })
      const challenge = heard.find((text) => text.startsWith('\x04'))!
      const refusal = heard.find((text) => text.startsWith('\x09'))!
      const salt = /,s=([^,]+),/.exec(challenge)![1]!
      return [salt, challenge.replace(/r=[^,]{64}/, 'r=').replace(salt, ''), refusal]
    }
    const [known, unknown, again] = [await answers('ada'), await answers('eve'), await answers('eve')]
    assert.deepEqual(known.slice(1), unknown.slice(1))
    assert.deepEqual(unknown, again)
    assert.notEqual(known[0], unknown[0])
    assert.equal(known[0]!.length, unknown[0]!.length)
  })

  it('a password bound to another channel', async () => {
    const world = await World.create()
    const { client, server } = await world.run({ binding: CHANNEL }, { binding: OTHER_CHANNEL })
    assert.equal(server.error?.failure, 'binding')
    assert.equal(client.error?.failure, 'binding')
  })
})
