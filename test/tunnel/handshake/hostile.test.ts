import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { passwordCredentials } from '../../../src/tunnel/auth/credentials.ts'
import type { ClientSession } from '../../../src/tunnel/handshake/client.ts'
import { MessageType, writeAuth, writeHello, writeJoin, writeMessage } from '../../../src/tunnel/handshake/messages.ts'
import { SessionSecret } from '../../../src/tunnel/handshake/session-secret.ts'
import {
  ADA,
  authenticate,
  CHANNEL,
  type ClientEnd,
  clientEnd,
  OTHER_CHANNEL,
  relay,
  type ServerEnd,
  settled,
  World,
} from './ends.ts'

const HELLO = writeHello({ version: 1, features: 0 })
const AUTH = writeAuth({ instance: Buffer.alloc(16), credit: 1, scram: 'n,,n=ada,r=0123456789abcdef' })
const SEED = { seed: 5, numRuns: 300 }

/** A whole handshake in memory, and what the client said in it. */
async function recorded(world: World, channel: Buffer | undefined, wish = authenticate()) {
  const client = clientEnd({ wish, binding: channel })
  const server = world.server({ binding: channel })
  const said: Buffer[] = []
  const heard: Buffer[] = []
  while (!client.isOver || !server.isOver) {
    const toServer = client.take()
    const toClient = server.take()
    said.push(toServer)
    heard.push(toClient)
    if (toClient.length > 0) client.machine.receive(toClient)
    if (toServer.length > 0) server.machine.receive(toServer)
    await settledEither(client, server)
  }
  return { client, server, said: Buffer.concat(said), heard: Buffer.concat(heard) }
}

async function settledEither(client: ClientEnd, server: ServerEnd): Promise<void> {
  if (server.sent.length === 0 && client.sent.length === 0 && !client.isOver) await settled(client)
}

function sessionOf(client: ClientEnd): ClientSession {
  assert.equal(client.result?.kind, 'authenticated')
  return client.result.session
}

describe('a server that hears', () => {
  for (const [what, bytes, failure] of [
    ['a message that claims to be too long', Buffer.from([2, 0xff, 0xff]), 'protocol'],
    ['a message that is one octet too long', writeMessage(MessageType.AUTH, Buffer.alloc(4094)), 'protocol'],
    ['AUTH before HELLO', AUTH, 'protocol'],
    ['HELLO twice', Buffer.concat([HELLO, HELLO]), 'protocol'],
    ['PROOF before AUTH', Buffer.concat([HELLO, writeMessage(MessageType.PROOF, Buffer.alloc(90))]), 'protocol'],
    ['what only servers say', writeMessage(MessageType.GREETING, Buffer.alloc(28)), 'protocol'],
    ['an unknown type', writeMessage(77 as MessageType), 'protocol'],
    ['another version', writeHello({ version: 2, features: 0 }), 'version'],
    ['a HELLO that is too short', writeMessage(MessageType.HELLO, Buffer.alloc(4)), 'protocol'],
    ['an AUTH without SCRAM', Buffer.concat([HELLO, writeMessage(MessageType.AUTH, Buffer.alloc(20))]), 'protocol'],
    [
      'an AUTH that is no UTF-8',
      Buffer.concat([HELLO, writeMessage(MessageType.AUTH, Buffer.alloc(30, 0xff))]),
      'protocol',
    ],
    ['a JOIN that is too long', Buffer.concat([HELLO, writeMessage(MessageType.JOIN, Buffer.alloc(69))]), 'protocol'],
    ['AUTH twice', Buffer.concat([HELLO, AUTH, AUTH]), 'protocol'],
    ['TLS', Buffer.from('16030100c8010000c40303', 'hex'), 'protocol'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'protocol'],
  ] as const) {
    it(`${what} ends it, and counts it`, async () => {
      const world = await World.create()
      const server = world.server()
      server.machine.receive(bytes)
      assert.equal(server.error?.failure, failure)
      assert.equal(server.take().at(-3), failure === 'version' ? 1 : 9)
      assert.equal(world.guard.counters.get(failure), 1)
      assert.equal(world.guard.halfOpen, 0)
      server.machine.receive(bytes)
      server.machine.expire()
      server.machine.closed()
      assert.equal(server.take().length, 0)
    })
  }

  it('a truncated message waits for the rest, and nothing else', async () => {
    const world = await World.create()
    const server = world.server()
    server.take()
    server.machine.receive(HELLO)
    server.machine.receive(AUTH.subarray(0, -1))
    assert.deepEqual([server.isOver, server.take().length], [false, 0])
    server.machine.closed()
    assert.equal(server.error?.failure, 'closed')
    assert.equal(server.take().length, 0)
  })

  it('records before its answer ends it', async () => {
    const world = await World.create()
    const { said } = await recorded(world, CHANNEL)
    const client = clientEnd({ binding: CHANNEL })
    const server = world.server({ binding: CHANNEL })
    client.machine.receive(server.take())
    server.machine.receive(client.take())
    client.machine.receive(server.take())
    await settled(client)
    server.machine.receive(Buffer.concat([client.take(), said.subarray(0, 1)]))
    assert.equal(server.error?.failure, 'protocol')
  })
})

describe('a client that hears', () => {
  for (const [what, bytes, failure] of [
    ['another magic', writeMessage(MessageType.GREETING, Buffer.alloc(28)), 'protocol'],
    ['a greeting that is too short', writeMessage(MessageType.GREETING, Buffer.from('gotcp')), 'protocol'],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'protocol'],
    ['WELCOME first', writeMessage(MessageType.WELCOME, Buffer.alloc(200)), 'protocol'],
    ['ACCEPT first', writeMessage(MessageType.ACCEPT, Buffer.alloc(32)), 'protocol'],
    ['a later version only', greetingOf(2, 3), 'version'],
    ['a refusal', writeMessage(MessageType.REFUSE, Buffer.from([2, 0, 7])), 'busy'],
    ['a refusal that it does not know', writeMessage(MessageType.REFUSE, Buffer.from([200, 0, 7])), 'protocol'],
  ] as const) {
    it(`${what} ends it`, () => {
      const client = clientEnd()
      client.machine.receive(bytes)
      assert.equal(client.error?.failure, failure)
      assert.equal(client.take().length, 0)
    })
  }

  it('anything before its proof is sent ends it, so that nobody fills its memory', async () => {
    const world = await World.create()
    const client = clientEnd()
    const server = world.server()
    client.machine.receive(server.take())
    server.machine.receive(client.take())
    client.machine.receive(Buffer.concat([server.take(), Buffer.alloc(1)]))
    assert.equal(client.error?.failure, 'protocol')
    await ADA.keysFor(Buffer.alloc(16, 1), 4096)
    assert.equal(client.take().length, 0)
  })

  it('a WELCOME with other limits does not believe it', async () => {
    const world = await World.create()
    const client = clientEnd()
    const server = world.server()
    client.machine.receive(server.take())
    server.machine.receive(client.take())
    client.machine.receive(server.take())
    await settled(client)
    server.machine.receive(client.take())
    const welcome = server.take()
    welcome[3 + 16 + 1]! ^= 1
    client.machine.receive(welcome)
    assert.equal(client.error?.failure, 'unproven')
  })

  it('a server that does not know the password says nothing more to it', async () => {
    const impostor = await World.create({ users: [{ name: 'ada', password: 'guess' }] })
    const client = clientEnd({ binding: CHANNEL })
    const server = impostor.server({ binding: CHANNEL })
    client.machine.receive(server.take())
    server.machine.receive(client.take())
    client.machine.receive(server.take())
    await settled(client)
    client.take()
    const welcome = writeMessage(
      MessageType.WELCOME,
      Buffer.alloc(30),
      Buffer.from(`v=${'A'.repeat(43)}=`),
      Buffer.alloc(32),
    )
    client.machine.receive(welcome)
    assert.equal(client.error?.failure, 'unproven')
    assert.equal(client.take().length, 0)
  })
})

describe('replay', () => {
  it('of a whole conversation is refused', async () => {
    const world = await World.create()
    for (const channel of [CHANNEL, undefined]) {
      const { said } = await recorded(world, channel)
      const server = world.server({ binding: channel })
      server.machine.receive(said)
      assert.equal(server.error?.failure, 'protocol')
    }
    assert.equal(world.sessions.size, 1)
  })

  it('of a server is refused', async () => {
    const world = await World.create()
    const { heard } = await recorded(world, CHANNEL)
    const client = clientEnd({ binding: CHANNEL })
    client.machine.receive(heard.subarray(0, 31))
    client.machine.receive(heard.subarray(31))
    assert.equal(client.error?.failure, 'protocol')
  })

  it('of a JOIN is refused on its own channel and on any other', async () => {
    const world = await World.create()
    const session = sessionOf((await world.run({ binding: CHANNEL }, { binding: CHANNEL })).client)
    const client = clientEnd({ wish: { kind: 'join', session, pathId: 1 }, binding: CHANNEL })
    const server = world.server({ binding: CHANNEL })
    client.machine.receive(server.take())
    const join = client.take()
    for (const binding of [CHANNEL, OTHER_CHANNEL, undefined]) {
      const other = world.server({ binding })
      other.machine.receive(join)
      assert.equal(other.error?.failure, 'session')
    }
    server.machine.receive(join)
    assert.equal(server.result?.kind, 'joined')
  })

  it('of a path id is refused, whoever has proven himself', async () => {
    const world = await World.create()
    const session = sessionOf((await world.run({})).client)
    const wish = { kind: 'join', session, pathId: 1 } as const
    assert.equal((await world.run({ wish })).client.result?.kind, 'joined')
    const { client, server } = await world.run({ wish })
    assert.deepEqual([client.error?.failure, server.error?.failure], ['path', 'path'])
  })
})

describe('a guessed proof', () => {
  it('and a guessed session are refused alike', async () => {
    const world = await World.create()
    const session = sessionOf((await world.run({})).client)
    const secret = new SessionSecret(Buffer.alloc(32, 1))
    const refusals = []
    for (const id of [session.id, Buffer.alloc(16, 9)]) {
      const server = world.server()
      const client = clientEnd({ wish: { kind: 'join', session: { id, secret }, pathId: 1 } })
      client.machine.receive(server.take())
      server.machine.receive(client.take())
      refusals.push(server.take().toString('hex'))
      assert.equal(server.error?.failure, 'session')
    }
    assert.equal(refusals[0], refusals[1])
    const joined = await world.run({ wish: { kind: 'join', session, pathId: 1 } })
    assert.equal(joined.client.result?.kind, 'joined')
  })

  it('of the password bans nobody from joining with the right one', async () => {
    const world = await World.create()
    const session = sessionOf((await world.run({})).client)
    for (let i = 0; i < 5; i++) await world.run({ wish: authenticate(passwordCredentials('ada', `guess ${i}`)) })
    assert.equal(world.guard.banned, 1)
    assert.equal((await world.run({})).client.error?.failure, 'banned')
    const joined = await world.run({ wish: { kind: 'join', session, pathId: 1 } })
    assert.equal(joined.client.result?.kind, 'joined')
  })
})

describe('a user who is gone', () => {
  it('joins no more', async () => {
    const world = await World.create()
    const session = sessionOf((await world.run({})).client)
    await world.users.replace([])
    const { server } = await world.run({ wish: { kind: 'join', session, pathId: 1 } })
    assert.equal(server.error?.failure, 'session')
  })
})

describe('limits', () => {
  it('of sessions and of paths are told to whoever has proven himself', async () => {
    const world = await World.create({ users: [{ name: 'ada', password: 'pencil', maxSessions: 1, maxPaths: 1 }] })
    const session = sessionOf((await world.run({})).client)
    assert.equal(session.limits.maxPaths, 1)
    const joining = await world.run({ wish: { kind: 'join', session, pathId: 1 } })
    assert.deepEqual([joining.client.error?.failure, joining.client.error?.retryAfter], ['limit', 1000])
    const another = await world.run({ wish: authenticate(undefined, Buffer.alloc(16, 8)) })
    assert.deepEqual([another.client.error?.failure, another.client.error?.retryAfter], ['limit', 30_000])
  })
})

describe('10,000 half-open joins', () => {
  it('grow nothing, and a client gets through among them', async () => {
    const world = await World.create({ guard: { maxHalfOpen: 256, maxAddresses: 512 } })
    const session = sessionOf((await world.run({})).client)
    const join = Buffer.concat([HELLO, writeJoin({ sessionId: session.id, pathId: 1, nonce: Buffer.alloc(16) })])
    const ends: ServerEnd[] = []
    for (let i = 0; i < 10_000; i++) {
      const server = world.server({}, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
      server.machine.receive(join)
      ends.push(server)
      if (i === 5000) {
        const { client } = await world.run({ wish: { kind: 'join', session, pathId: 1 } })
        assert.equal(client.result?.kind, 'joined')
      }
    }
    assert.equal(world.guard.halfOpen, 256)
    assert.equal(ends.filter(({ isOver }) => !isOver).length, 256)
    assert.ok(world.guard.size <= 1024)
    assert.equal(world.sessions.size, 1)
    assert.equal(world.guard.counters.get('displaced'), 10_000 - 256 + 1 - 1)
    for (const { machine } of ends) machine.expire()
    assert.equal(world.guard.halfOpen, 0)
  })
})

describe('random and mutated messages', () => {
  it('never throw, and never let anybody in', async () => {
    const world = await World.create()
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (chunks) => {
        const server = world.server()
        const client = clientEnd()
        for (const chunk of chunks) {
          server.machine.receive(chunk)
          client.machine.receive(chunk)
        }
        server.machine.closed()
        assert.ok(server.error !== undefined && client.result === undefined)
      }),
      SEED,
    )
    assert.equal(world.sessions.size, 0)
    assert.equal(world.guard.halfOpen, 0)
  })

  it('in the frame of the protocol never throw either', async () => {
    const world = await World.create()
    const message = fc
      .tuple(fc.integer({ min: 0, max: 10 }), fc.uint8Array({ maxLength: 120 }))
      .map(([type, body]) => writeMessage(type as MessageType, body))
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const server = world.server()
        server.machine.receive(Buffer.concat([HELLO, ...messages]))
        server.machine.closed()
        const client = clientEnd()
        client.machine.receive(Buffer.concat([greetingOf(1, 1), ...messages]))
        assert.ok(server.error !== undefined && client.result === undefined)
      }),
      SEED,
    )
    assert.equal(world.sessions.size, 0)
  })

  it('changed in one place on the way let nobody in', async () => {
    const world = await World.create()
    const original = await recorded(world, undefined)
    const lengths = { toServer: original.said.length, toClient: original.heard.length }
    const exchange = async (toServer: boolean, place: number, mask: number): Promise<ClientEnd> => {
      const client = clientEnd()
      const server = world.server()
      let left = place
      const flip = (bytes: Buffer): Buffer => {
        if (left >= 0 && left < bytes.length) bytes[left]! ^= mask
        left -= bytes.length
        return bytes
      }
      for (let round = 0; round < 4 && !client.isOver; round++) {
        const fromServer = server.take()
        client.machine.receive(toServer ? fromServer : flip(fromServer))
        // One that was told of more octets than will ever come says nothing.
        for (let i = 0; i < 20 && client.sent.length === 0 && !client.isOver; i++) await new Promise(setImmediate)
        const fromClient = client.take()
        server.machine.receive(toServer ? flip(fromClient) : fromClient)
      }
      client.machine.closed()
      server.machine.closed()
      return client
    }
    assert.notEqual((await exchange(true, 0, 0)).result, undefined)
    const changed = fc.record({ toServer: fc.boolean(), at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) })
    await fc.assert(
      fc.asyncProperty(changed, async ({ toServer, at, mask }) => {
        const client = await exchange(toServer, at % (toServer ? lengths.toServer : lengths.toClient), mask)
        assert.equal(client.result, undefined)
      }),
      { seed: 6, numRuns: 200 },
    )
    assert.equal(world.guard.halfOpen, 0)
  })
})

/** A greeting of a server that speaks other versions. */
function greetingOf(min: number, max: number): Buffer {
  return writeMessage(MessageType.GREETING, Buffer.from('gotcp'), Buffer.from([min, max, 1]), Buffer.alloc(20))
}

describe('a machine that is over', () => {
  it('says nothing and hears nothing', async () => {
    const world = await World.create()
    const ends = await world.run({})
    const { client, server } = ends
    await relay(client, server)
    server.machine.receive(HELLO)
    server.machine.expire()
    client.machine.receive(HELLO)
    client.machine.closed()
    assert.deepEqual([client.take().length, server.take().length], [0, 0])
    assert.deepEqual([client.error, server.error], [undefined, undefined])
  })
})
