import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetError } from '../../../src/base/errors.ts'
import { passwordCredentials } from '../../../src/tunnel/auth/credentials.ts'
import type { HandshakeError } from '../../../src/tunnel/auth/handshake-error.ts'
import { saslPrep } from '../../../src/tunnel/auth/saslprep.ts'
import { ScramClient, ScramServer, type ScramServerOptions } from '../../../src/tunnel/auth/scram.ts'
import { deriveKeys, formatScramKeys, hashPassword, parseScramKeys } from '../../../src/tunnel/auth/scram-keys.ts'

const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const CLIENT_NONCE = 'rOprNGfwEbeRWgbNEkqO'
const SERVER_NONCE = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
const BINDING = Buffer.alloc(32, 0xcb)

const client = (options: Partial<ConstructorParameters<typeof ScramClient>[0]> = {}): ScramClient =>
  new ScramClient({
    user: 'user',
    nonce: CLIENT_NONCE,
    keysFor: (salt, iterations) => deriveKeys('pencil', salt, iterations),
    ...options,
  })

async function server(options: Partial<ScramServerOptions> = {}): Promise<ScramServer> {
  const keys = await deriveKeys('pencil', SALT, 4096)
  return new ScramServer({ keysFor: () => ({ ...keys, isKnown: true }), nonce: SERVER_NONCE, ...options })
}

const fails = (failure: string) => (error: HandshakeError) => error.failure === failure

describe('SCRAM-SHA-256', () => {
  it('is that of the example (RFC 7677 §3)', async () => {
    const ends = { client: client(), server: await server() }
    assert.equal(ends.client.first, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    const challenge = ends.server.challenge(ends.client.first)
    assert.equal(challenge, 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
    const answer = await ends.client.answer(challenge)
    assert.equal(
      answer,
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    )
    const { final, outcome } = ends.server.verify(answer)
    assert.equal(final, 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
    assert.deepEqual(ends.client.verify(final), outcome)
  })
})

describe('SCRAM-SHA-256-PLUS', () => {
  it('binds to the channel (RFC 9266)', async () => {
    const ends = { client: client({ binding: BINDING }), server: await server({ binding: BINDING }) }
    assert.match(ends.client.first, /^p=tls-exporter,,/)
    const answer = await ends.client.answer(ends.server.challenge(ends.client.first))
    ends.client.verify(ends.server.verify(answer).final)
  })

  it('is refused by a server on another channel', async () => {
    const ends = { client: client({ binding: BINDING }), server: await server({ binding: Buffer.alloc(32) }) }
    const answer = await ends.client.answer(ends.server.challenge(ends.client.first))
    assert.throws(() => ends.server.verify(answer), fails('binding'))
  })

  it('cannot be talked down (RFC 5802 §6)', async () => {
    const bound = await server({ binding: BINDING })
    assert.throws(() => bound.challenge(client().first), fails('binding'))
    assert.throws(() => bound.challenge(client({ binding: BINDING, isBindingRefused: true }).first), fails('binding'))
    const unbound = await server()
    assert.throws(() => unbound.challenge(client({ binding: BINDING }).first), fails('binding'))
    assert.throws(() => bound.challenge('p=tls-unique,,n=user,r=rOprNGfwEbeRWgbNEkqO'), fails('binding'))
  })

  it('with y works where the server really has no channel', async () => {
    const ends = { client: client({ binding: BINDING, isBindingRefused: true }), server: await server() }
    const answer = await ends.client.answer(ends.server.challenge(ends.client.first))
    ends.client.verify(ends.server.verify(answer).final)
  })

  it('does not believe a flag that was changed on the way', async () => {
    const ends = { client: client(), server: await server() }
    const challenge = ends.server.challenge(ends.client.first.replace(/^n/, 'y'))
    const answer = await ends.client.answer(challenge)
    assert.throws(() => ends.server.verify(answer), fails('binding'))
  })
})

describe('the client', () => {
  for (const [what, message, failure] of [
    [
      'a nonce that is not its own',
      'r=xOprNGfwEbeRWgbNEkqO0123456789abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      'protocol',
    ],
    ['a nonce without the server’s part', `r=${CLIENT_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, 'protocol'],
    ['too few iterations', `r=${CLIENT_NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095`, 'iterations'],
    ['too many iterations', `r=${CLIENT_NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=10000001`, 'iterations'],
    ['no iterations', `r=${CLIENT_NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==`, 'protocol'],
    ['no salt', `r=${CLIENT_NONCE}${SERVER_NONCE},s=,i=4096`, 'protocol'],
    ['base64 of another spelling', `r=${CLIENT_NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gR==,i=4096`, 'protocol'],
    ['an extension that must be understood', `m=x,r=${CLIENT_NONCE}${SERVER_NONCE},s=AAAA,i=4096`, 'protocol'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(client().answer(message), fails(failure))
    })
  }

  it('refuses a server that does not know the password', async () => {
    const ends = { client: client(), server: await server() }
    const answer = await ends.client.answer(ends.server.challenge(ends.client.first))
    ends.server.verify(answer)
    assert.throws(() => ends.client.verify(`v=${Buffer.alloc(32).toString('base64')}`), fails('unproven'))
    assert.throws(() => ends.client.verify('e=other-error'), fails('protocol'))
  })
})

describe('the server', () => {
  for (const first of [
    '',
    'n',
    'n,,',
    'n,a=root,n=user,r=rOprNGfwEbeRWgbNEkqO',
    'n,,n=,r=rOprNGfwEbeRWgbNEkqO',
    'n,,n=us=er,r=rOprNGfwEbeRWgbNEkqO',
    'n,,n=user,r=short',
    'n,,n=user,r=rOprNGfwEbe RWgbNEkqO',
    'n,,m=x,n=user,r=rOprNGfwEbeRWgbNEkqO',
    'x,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    `n,,n=${'u'.repeat(256)},r=rOprNGfwEbeRWgbNEkqO`,
  ]) {
    it(`refuses ${JSON.stringify(first.slice(0, 60))}`, async () => {
      const machine = await server()
      assert.throws(() => machine.challenge(first), fails('protocol'))
    })
  }

  it('reads commas and equals signs in names', async () => {
    let asked = ''
    const keys = { ...(await deriveKeys('pencil', SALT, 4096)), isKnown: true }
    const machine = await server({
      keysFor: (user) => {
        asked = user
        return keys
      },
    })
    machine.challenge(client({ user: 'a=b,c' }).first)
    assert.equal(asked, 'a=b,c')
  })

  it('refuses a proof for another nonce, and one of the wrong length', async () => {
    const ends = { client: client(), server: await server() }
    const answer = await ends.client.answer(ends.server.challenge(ends.client.first))
    assert.throws(() => ends.server.verify(answer.replace('%hvY', '%hvX')), fails('protocol'))
    assert.throws(() => ends.server.verify(answer.replace(/p=.*/, 'p=AAAA')), fails('protocol'))
    const flipped = answer.replace(/p=./, (text) => (text === 'p=A' ? 'p=B' : 'p=A'))
    assert.throws(() => ends.server.verify(flipped), fails('credentials'))
  })
})

describe('stored keys', () => {
  it('come out of their text as they went in', async () => {
    const text = await hashPassword('pencil', 4096)
    assert.match(text, /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/)
    assert.equal(formatScramKeys(parseScramKeys(text)!), text)
  })

  it('are read as PostgreSQL writes them', async () => {
    // SELECT rolpassword FROM pg_authid, of a user with the password and the salt of RFC 7677 §3.
    const text =
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='
    const { clientKey: _, ...keys } = await deriveKeys('pencil', SALT, 4096)
    assert.deepEqual(parseScramKeys(text), keys)
  })

  it('are refused when they are anything else', () => {
    const good = `SCRAM-SHA-256$4096:AAAA$${Buffer.alloc(32).toString('base64')}:${Buffer.alloc(32).toString('base64')}`
    assert.notEqual(parseScramKeys(good), undefined)
    for (const bad of [
      '',
      'md5123',
      good.replace('4096', '4095'),
      good.replace('AAAA', ''),
      good.slice(0, -1),
      good + ':x',
    ]) {
      assert.equal(parseScramKeys(bad), undefined, bad)
    }
  })
})

describe('deriveKeys()', () => {
  it('works on a few at a time, and refuses what would wait for long', async () => {
    const all = await Promise.allSettled(Array.from({ length: 300 }, () => deriveKeys('pencil', SALT, 4096)))
    const refused = all.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    assert.equal(refused.length, 300 - 258)
    for (const { reason } of refused) assert.equal(reason.code, 'EBUSY')
    assert.equal((await deriveKeys('pencil', SALT, 4096)).iterations, 4096)
  })
})

describe('passwordCredentials()', () => {
  it('computes the keys of a salt once', async () => {
    const credentials = passwordCredentials('ada', 'pencil')
    const keys = await credentials.keysFor(SALT, 4096)
    assert.equal(await credentials.keysFor(Uint8Array.from(SALT), 4096), keys)
    assert.notEqual(await credentials.keysFor(SALT, 4097), keys)
  })

  it('refuses what cannot be used, and does not show it', () => {
    for (const [name, password] of [
      ['', 'x'],
      ['ada', ''],
      ['ada', 'a\u0000b'],
      ['ada', 'long'.repeat(300)],
    ] as const) {
      assert.throws(
        () => passwordCredentials(name, password),
        (error: NetError) => error.code === 'EINVAL' && !error.message.includes('long'.repeat(2)),
      )
    }
  })
})

describe('saslPrep()', () => {
  it('maps as the examples do (RFC 4013 §3)', () => {
    assert.equal(saslPrep('I\u00adX'), 'IX')
    assert.equal(saslPrep('user'), 'user')
    assert.equal(saslPrep('USER'), 'USER')
    assert.equal(saslPrep('\u00aa'), 'a')
    assert.equal(saslPrep('\u2168'), 'IX')
    assert.equal(saslPrep('a\u00a0b'), 'a b')
  })

  it('refuses control characters, what is no character, and nothing', () => {
    for (const text of [
      '',
      '\u00ad',
      '\u0007',
      'a\nb',
      'a\u007f',
      '\ud800',
      '\ufffd',
      '\ue000',
      '\u202e',
      '\u{e0041}',
    ]) {
      assert.equal(saslPrep(text), undefined, JSON.stringify(text))
    }
  })
})
