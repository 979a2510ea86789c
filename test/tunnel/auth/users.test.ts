import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { globMatcher } from '../../../src/tunnel/auth/glob.ts'
import { hashPassword } from '../../../src/tunnel/auth/scram-keys.ts'
import { type UserOptions, UserStore } from '../../../src/tunnel/auth/users.ts'

const SECRET = Buffer.alloc(32, 1)
const create = (...users: UserOptions[]): Promise<UserStore> =>
  UserStore.create(users, { iterations: 4096, secret: SECRET })

describe('UserStore', () => {
  it('knows users by the one spelling of their names', async () => {
    const users = await create({ name: 'ada\u00ad', password: 'pencil', maxPaths: 2 })
    assert.equal(users.find('ada')?.maxPaths, 2)
    assert.equal(users.keysFor('\uff41da').isKnown, true)
    assert.equal(users.find('Ada'), undefined)
  })

  it('holds no password', async () => {
    const users = await create({ name: 'ada', password: 'a-very-secret-pencil' })
    assert.doesNotMatch(JSON.stringify([users, users.keysFor('ada')]), /pencil/)
  })

  it('tells whose passwords are worth nothing any more', async () => {
    const scram = await hashPassword('pencil', 4096)
    const [ada, bob] = [
      { name: 'ada', password: 'pencil' },
      { name: 'bob', scram },
    ]
    const users = await create(ada, bob, { name: 'eve', password: 'x' })
    assert.deepEqual(await users.replace([{ ...ada, services: ['web'] }, bob]), ['eve'])
    assert.deepEqual(await users.replace([{ ...ada, password: 'brush' }, bob]), ['ada'])
    assert.deepEqual(await users.replace([{ name: 'bob', password: 'pencil' }]), ['ada', 'bob'])
  })

  it('challenges a name that does not exist like one that does', async () => {
    const stored = await hashPassword('pencil', 5000)
    const users = await create({ name: 'ada', password: 'pencil' }, { name: 'bob', scram: stored })
    const strangers = Array.from({ length: 50 }, (_, i) => users.keysFor(`stranger ${i}`))
    for (const { isKnown, salt, iterations, storedKey, serverKey } of strangers) {
      assert.deepEqual([isKnown, salt.length, storedKey.length, serverKey.length], [false, 16, 32, 32])
      assert.ok([4096, 5000].includes(iterations))
    }
    assert.deepEqual(new Set(strangers.map(({ iterations }) => iterations)), new Set([4096, 5000]))
    assert.equal(new Set(strangers.map(({ salt }) => Buffer.from(salt).toString('hex'))).size, 50)
  })

  it('gives each name the same salt for ever, whether it exists or not', async () => {
    const salts = (users: UserStore) =>
      ['ada', 'eve'].map((name) => Buffer.from(users.keysFor(name).salt).toString('hex'))
    const before = await create({ name: 'ada', password: 'pencil' })
    assert.deepEqual(salts(before), salts(await create({ name: 'ada', password: 'pencil' })))
    assert.deepEqual(salts(before), salts(await create({ name: 'eve', password: 'other' })))
  })

  it('takes other users all at once, or none', async () => {
    const users = await create({ name: 'ada', password: 'pencil' })
    assert.deepEqual(await users.replace([{ name: 'bob', password: 'brush' }]), ['ada'])
    assert.deepEqual([users.find('ada'), users.find('bob')?.name, users.size], [undefined, 'bob', 1])
    await assert.rejects(users.replace([{ name: 'eve', password: 'x' }, { name: 'mallory' }]), { code: 'EINVAL' })
    assert.equal(users.find('bob')?.name, 'bob')
  })

  for (const [what, ...bad] of [
    ['a name with a control character', { name: 'a\u0007', password: 'x' }],
    ['no password', { name: 'a' }],
    ['a password and what was made of one', { name: 'a', password: 'x', scram: 'y' }],
    ['an empty password', { name: 'a', password: '' }],
    ['what no password was made to', { name: 'a', scram: 'SCRAM-SHA-256$1:x' }],
    ['a name that is there twice', { name: 'a', password: 'x' }, { name: '\uff41', password: 'y' }],
    ['a limit of nothing', { name: 'a', password: 'x', maxPaths: 0 }],
    ['a target that is none', { name: 'a', password: 'x', targets: ['10.0.0.0/40:80'] }],
  ] as const satisfies [string, ...UserOptions[]][]) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(create(...bad), { code: 'EINVAL' })
    })
  }
})

describe('UserStore.authorize()', () => {
  it('asks for user, service and target at each opening', async () => {
    const users = await create(
      { name: 'ada', password: 'x' },
      { name: 'bob', password: 'x', services: ['web-*', 'dns'], targets: ['*.example.org:443', '10.0.0.0/8:*'] },
    )
    const ask = (user: string, service: string, target = '') => users.authorize(user, { service, target })
    assert.equal(ask('ada', 'anything', 'anywhere:1'), undefined)
    assert.equal(ask('eve', 'web-1'), 'user')
    assert.deepEqual([ask('bob', 'web-1'), ask('bob', 'dns'), ask('bob', 'ssh')], [undefined, undefined, 'service'])
    assert.equal(ask('bob', 'dns', 'www.example.org:443'), undefined)
    assert.equal(ask('bob', 'dns', 'www.example.org:80'), 'target')
    assert.equal(ask('bob', 'dns', 'nonsense'), 'target')
    await users.replace([{ name: 'bob', password: 'x' }])
    assert.equal(ask('ada', 'anything'), 'user')
    assert.equal(ask('bob', 'ssh'), undefined)
    assert.deepEqual(users.counters.toJSON(), { 'denied-service': 1, 'denied-target': 2, 'denied-user': 2 })
  })
})

describe('globMatcher()', () => {
  it('takes * for anything and ? for one', () => {
    for (const [pattern, text, is] of [
      ['*', '', true],
      ['a*c', 'abbbc', true],
      ['a*c', 'abbbcd', false],
      ['a?c', 'abc', true],
      ['a?c', 'ac', false],
      ['*a*b*', 'xxaxxbxx', true],
      ['a.c', 'abc', false],
      ['', 'a', false],
    ] as const) {
      assert.equal(globMatcher(pattern)(text), is, `${pattern} ${text}`)
    }
  })

  it('does not try all ways', () => {
    assert.equal(globMatcher('*a'.repeat(30) + 'b')('a'.repeat(10_000)), false)
  })
})
