import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Guard, type GuardOptions, type Lease } from '../../../src/tunnel/auth/guard.ts'
import { Origins } from '../../../src/tunnel/auth/origins.ts'
import { ManualClock } from '../handshake/ends.ts'

function world(options: GuardOptions = {}): { guard: Guard; clock: ManualClock } {
  const clock = new ManualClock()
  return { guard: new Guard({ clock: clock.now, ...options }), clock }
}

function admitted(lease: Lease | undefined): Lease {
  assert.ok(lease !== undefined)
  return lease
}

/** One handshake that fails. */
function failOnce(
  guard: Guard,
  address: string,
  failure: 'credentials' | 'session' | 'protocol' = 'credentials',
): void {
  const lease = admitted(guard.admit(address))
  lease.failed(failure)
  lease.release()
}

const bannedFor = (guard: Guard, address: string): number => {
  const lease = admitted(guard.admit(address, () => true))
  const left = lease.bannedFor
  lease.release()
  return left
}

describe('Guard', () => {
  it('bans an address after five wrong passwords, and each time for longer', () => {
    const { guard, clock } = world()
    for (const seconds of [10, 20, 40]) {
      for (let i = 0; i < 4; i++) failOnce(guard, '192.0.2.1')
      assert.equal(bannedFor(guard, '192.0.2.1'), 0)
      failOnce(guard, '192.0.2.1')
      assert.equal(bannedFor(guard, '192.0.2.1'), seconds * 1000)
      assert.equal(bannedFor(guard, '192.0.2.2'), 0)
      assert.equal(guard.banned, 1)
      clock.advance(seconds * 1000)
      assert.equal(guard.banned, 0)
    }
    assert.equal(guard.counters.get('ban'), 3)
    assert.equal(guard.counters.get('credentials'), 15)
  })

  it('never bans for longer than an hour, and begins anew after a good hour', () => {
    const { guard, clock } = world()
    let longest = 0
    for (let i = 0; i < 20; i++) {
      for (let failures = 0; failures < 5; failures++) failOnce(guard, '192.0.2.1')
      const left = bannedFor(guard, '192.0.2.1')
      longest = Math.max(longest, left)
      clock.advance(left)
    }
    assert.equal(longest, 3_600_000)
    clock.advance(3_600_001)
    for (let i = 0; i < 5; i++) failOnce(guard, '192.0.2.1')
    assert.equal(bannedFor(guard, '192.0.2.1'), 10_000)
  })

  it('forgives with time', () => {
    const { guard, clock } = world()
    for (let i = 0; i < 50; i++) {
      failOnce(guard, '192.0.2.1')
      clock.advance(24_001)
    }
    assert.equal(guard.counters.get('ban'), 0)
  })

  it('is patient with sessions that have expired', () => {
    const { guard } = world()
    for (let i = 0; i < 150; i++) failOnce(guard, '192.0.2.1', 'session')
    assert.equal(guard.counters.get('ban'), 0)
  })

  it('takes as many connections of one address as the rate allows', () => {
    const { guard, clock } = world({ rate: 2, burst: 3 })
    const open = (): string => {
      const lease = guard.admit('192.0.2.1')
      if (lease === undefined) return 'busy'
      lease.release()
      return 'admitted'
    }
    assert.deepEqual([open(), open(), open(), open()], ['admitted', 'admitted', 'admitted', 'busy'])
    clock.advance(1000)
    assert.deepEqual([open(), open(), open()], ['admitted', 'admitted', 'busy'])
    assert.equal(guard.counters.get('rate'), 2)
  })

  it('takes only so many handshakes of one address at once', () => {
    const { guard } = world({ maxHalfOpenPerAddress: 2 })
    const [first] = [admitted(guard.admit('192.0.2.1')), admitted(guard.admit('192.0.2.1'))]
    assert.equal(guard.admit('192.0.2.1'), undefined)
    first!.release()
    first!.release()
    admitted(guard.admit('192.0.2.1'))
    assert.equal(guard.admit('192.0.2.1'), undefined)
    assert.equal(guard.counters.get('half-open'), 2)
  })

  it('gives up the oldest handshake for the newest', () => {
    const { guard } = world({ maxHalfOpen: 2 })
    const displaced: string[] = []
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      admitted(guard.admit(address)).onDisplaced = () => displaced.push(address)
    }
    assert.deepEqual(displaced, ['192.0.2.1'])
    assert.equal(guard.halfOpen, 2)
    assert.equal(guard.counters.get('displaced'), 1)
  })

  it('does not grow under 10,000 addresses', () => {
    const { guard } = world({ maxAddresses: 500, maxHalfOpen: 100 })
    for (let i = 0; i < 10_000; i++) {
      const lease = admitted(guard.admit(`10.0.${i >> 8}.${i & 255}`))
      for (let failures = 0; failures < 5; failures++) lease.failed('credentials')
    }
    assert.ok(guard.size <= 1000)
    assert.equal(guard.halfOpen, 100)
    assert.equal(guard.banned, 500)
  })

  it('lets a banned address in only for a session that came from there', () => {
    const bans: [string, number][] = []
    const { guard, clock } = world({ banAfter: 1, onBan: (...ban) => bans.push(ban) })
    failOnce(guard, '2001:db8::1')
    assert.deepEqual(bans, [['2001:db8:0:0::/64', 10_000]])
    assert.equal(guard.admit('2001:db8::2'), undefined)
    const lease = admitted(guard.admit('2001:db8::2', () => true))
    assert.equal(lease.bannedFor, 10_000)
    lease.release()
    assert.equal(guard.counters.get('banned'), 1)
    clock.advance(10_000)
    admitted(guard.admit('2001:db8::1'))
  })
})

describe('Origins', () => {
  it('knows where a session came from of late, a network of IPv6 as one', () => {
    const origins = new Origins()
    origins.add('2001:db8::1')
    for (let i = 0; i < 63; i++) origins.add(`192.0.2.${i}`)
    assert.deepEqual(
      [origins.has('2001:db8::2'), origins.has('::ffff:192.0.2.0'), origins.has('192.0.2.99')],
      [true, true, false],
    )
    origins.add('2001:db8::3')
    origins.add('198.51.100.1')
    assert.deepEqual(
      [origins.has('2001:db8::1'), origins.has('192.0.2.0'), origins.has('192.0.2.1')],
      [true, false, true],
    )
  })
})
