import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NEVER } from '../../../src/base/types.ts'
import { Budget } from '../../../src/session/credit/budget.ts'
import { LEAST_WINDOW } from '../../../src/session/limits.ts'
import { PathIds } from '../../../src/tunnel/auth/path-ids.ts'
import {
  type NewSession,
  type RegisteredSession,
  SessionRegistry,
  type SessionRegistryOptions,
} from '../../../src/tunnel/auth/session-registry.ts'
import { LIMITS, ManualClock } from '../handshake/ends.ts'

function world(options: SessionRegistryOptions<string> = {}) {
  const clock = new ManualClock()
  const ended: string[] = []
  const onEnded = (session: RegisteredSession<string>, why: string): void => void ended.push(`${session.secret} ${why}`)
  return { clock, ended, registry: new SessionRegistry<string>({ clock: clock.now, onEnded, ...options }) }
}

let count = 0
const client = (secret: string, options: Partial<NewSession<string>> = {}): NewSession<string> => {
  const instance = Buffer.alloc(16)
  instance.writeUInt32BE(++count)
  return { user: 'ada', instance, secret, limits: LIMITS, clientCredit: 1, ...options }
}

describe('SessionRegistry', () => {
  it('finds a session by its id until it ends', () => {
    const { registry, ended } = world()
    const session = registry.create(client('a'))!
    assert.equal(registry.find(Uint8Array.from(session.id)), session)
    assert.equal(registry.find(Buffer.alloc(16)), undefined)
    registry.end(session)
    registry.end(session)
    assert.equal(registry.find(session.id), undefined)
    assert.deepEqual(ended, ['a ended'])
  })

  it('tells credit that there is memory for, and has that back when the session ends', () => {
    const budget = new Budget(2_000_000)
    const { registry } = world({ budget })
    const sessions = Array.from({ length: 50 }, (_, i) => registry.create(client(`${i}`))!)
    const credits = sessions.map(({ limits }) => limits.credit)
    assert.deepEqual([credits[0], credits[49]], [666_666, LEAST_WINDOW])
    assert.equal(budget.left, 2_000_000 - credits.reduce((sum, credit) => sum + credit))
    // Nothing came of the connection: there is nobody else to give it back.
    for (const session of sessions) registry.end(session)
    assert.equal(budget.left, 2_000_000)
  })

  it('freezes a session without paths, and lets it expire', () => {
    const { registry, ended, clock } = world()
    const session = registry.create(client('a'))!
    assert.equal(registry.join(session, 1), undefined)
    registry.leave(session, 0)
    assert.equal(registry.pollAt(), NEVER)
    registry.leave(session, 1)
    registry.leave(session, 1)
    assert.equal(registry.frozen, 1)
    assert.equal(registry.pollAt(), clock.now() + LIMITS.freezeTime * 1000)
    clock.advance(LIMITS.freezeTime - 1)
    registry.poll(clock.now())
    assert.equal(registry.join(session, 2), undefined)
    assert.equal(registry.frozen, 0)
    assert.equal(registry.pollAt(), NEVER)
    registry.leave(session, 2)
    clock.advance(LIMITS.freezeTime)
    registry.poll(clock.now())
    assert.deepEqual(ended, ['a expired'])
    assert.deepEqual(registry.counters.toJSON(), { created: 1, expired: 1, frozen: 2, joined: 1, resumed: 1 })
  })

  it('refuses a path id that was used, also of a path that is gone', () => {
    const { registry } = world()
    const session = registry.create(client('a'))!
    assert.equal(registry.join(session, 0), 'path')
    assert.equal(registry.join(session, 7), undefined)
    registry.leave(session, 7)
    assert.equal(registry.join(session, 7), 'path')
    assert.equal(registry.counters.get('path'), 2)
  })

  it('keeps to the number of paths', () => {
    const { registry } = world()
    const session = registry.create(client('a'))!
    for (let id = 1; id < LIMITS.maxPaths; id++) assert.equal(registry.join(session, id), undefined)
    assert.equal(registry.join(session, 9), 'limit')
    registry.leave(session, 0)
    assert.equal(registry.join(session, 9), undefined)
  })

  it('replaces the session of a client that begins anew', () => {
    const { registry, ended } = world()
    const instance = Buffer.alloc(16, 5)
    registry.create(client('a', { instance }), 1)
    assert.notEqual(registry.create(client('b', { instance }), 1), undefined)
    assert.notEqual(registry.create(client('c', { instance, user: 'eve' }), 1), undefined)
    assert.deepEqual(ended, ['a replaced'])
  })

  it('keeps to the number of sessions of a user, where those without a path give way', () => {
    const { registry, ended } = world()
    const [first, second] = ['a', 'b'].map((secret) => registry.create(client(secret), 2))
    assert.equal(registry.create(client('c'), 2), undefined)
    assert.notEqual(registry.create(client('other', { user: 'eve' }), 2), undefined)
    registry.leave(second!, 0)
    registry.leave(first!, 0)
    assert.notEqual(registry.create(client('d'), 2), undefined)
    assert.deepEqual(ended, ['b replaced'])
    assert.equal(registry.counters.get('limit-user'), 1)
  })

  it('does not grow beyond its limit', () => {
    const { registry } = world({ maxSessions: 3 })
    for (let i = 0; i < 1000; i++) registry.create(client('x', { user: `user ${i}` }))
    assert.equal(registry.size, 3)
    assert.equal(registry.counters.get('limit-sessions'), 997)
  })
})

describe('PathIds', () => {
  it('takes each id once, in any order within the window, and remembers no more than the window', () => {
    const ids = new PathIds()
    assert.deepEqual([ids.take(0), ids.take(1), ids.take(1)], [false, true, false])
    assert.deepEqual([ids.take(1000), ids.take(2), ids.take(1001)], [true, true, true])
    assert.equal(ids.take(5000), true)
    assert.deepEqual([ids.take(3), ids.take(1001), ids.take(5000 - 1024)], [false, false, false])
    assert.equal(ids.take(5000 - 1023), true)
    assert.deepEqual(
      [ids.take(0xffff_ffff), ids.take(0x1_0000_0000), ids.take(-1), ids.take(1.5)],
      [true, false, false, false],
    )
  })
})
