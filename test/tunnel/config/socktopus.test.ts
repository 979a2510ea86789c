import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NetError } from '../../../src/base/errors.ts'
import { parseService, parseSocktopus, parseUdpEnds } from '../../../src/tunnel/config/socktopus.ts'
import type { Environment } from '../../../src/tunnel/config/source.ts'
import type { ClientConfig, ServerConfig } from '../../../src/tunnel/config/types.ts'
import { ENV } from './read.ts'

const KEY = 'correct horse battery'

/** The words of the refusal. */
function refusal(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    assert.ok(error instanceof NetError)
    assert.equal(error.code, 'ERR_CONFIG')
    return error.message.replace(' (ERR_CONFIG)', '')
  }
  return 'none'
}

const connect = (uris: readonly string[], env: Environment = {}): ClientConfig =>
  parseSocktopus(uris, { env: { ...ENV, UDPLOC: '1234', UDPREM: '1235', SOCKTOPUS_KEY: KEY, ...env } }) as ClientConfig

const listen = (env: Environment): ServerConfig => parseSocktopus([], { env: { ...ENV, ...env } }) as ServerConfig

describe('parseUdpEnds()', () => {
  const cases: readonly (readonly [text: string, own: string, peer: string])[] = [
    ['1234', '127.0.0.1 23461', '127.0.0.1 1234'],
    ['10.0.0.1:1234', '10.0.0.1 23461', '127.0.0.1 1234'],
    ['10.0.0.1:5000:1234', '10.0.0.1 5000', '127.0.0.1 1234'],
    ['10.0.0.1:192.0.2.8:1234', '10.0.0.1 23461', '192.0.2.8 1234'],
    ['127.0.0.1:23461:192.0.2.8:1234', '127.0.0.1 23461', '192.0.2.8 1234'],
    ['[::1]:0:[2001:db8::8]:1234', '::1 0', '2001:db8::8 1234'],
    ['here:5000:there.example.org:1234', 'here 5000', 'there.example.org 1234'],
  ]
  for (const [text, own, peer] of cases) {
    it(`reads ${text}`, () => {
      const ends = parseUdpEnds('UDPLOC', text)
      assert.deepEqual([`${ends.own.host} ${ends.own.port}`, `${ends.peer.host} ${ends.peer.port}`], [own, peer])
    })
  }

  it('refuses everything else by the name of the variable', () => {
    for (const text of [
      '0',
      ':1234',
      '1:2:3:4:5',
      'a:b:c:d',
      '127.0.0.1:70000:x:1',
      '::1',
      'x:1234:',
      '[::1:1',
      'domain',
      '',
    ]) {
      assert.match(
        refusal(() => parseUdpEnds('UDPREM', text)),
        /^UDPREM: found ".*"; expected \[host:\]\[serv:\]/,
        text,
      )
    }
  })
})

describe('parseService()', () => {
  it('reads [host:]serv', () => {
    assert.deepEqual(parseService('23461'), { host: '::', port: 23_461 })
    assert.deepEqual(parseService('192.0.2.1:5000'), { host: '192.0.2.1', port: 5000 })
    assert.deepEqual(parseService('[::1]:0'), { host: '::1', port: 0 })
    assert.equal(
      refusal(() => parseService('http')),
      'SERVICE: found "http"; expected [host:]serv such as 23461 or 192.0.2.1:23461',
    )
  })
})

describe("socktopus's connector", () => {
  it('reads its example', () => {
    const config = connect(['tcp://192.0.2.1:23461'], {
      UDPLOC: '127.0.0.1:23461:127.0.0.1:1234',
      UDPREM: '127.0.0.1:23461:192.0.2.8:1234',
    })
    assert.deepEqual(
      [config.mode, config.user, config.password, config.scheduler],
      ['client', 'socktopus', KEY, 'first-ready'],
    )
    const [service] = config.services
    assert.ok(service?.type === 'udp')
    assert.deepEqual(service.listen, { host: '127.0.0.1', port: 23_461 })
    assert.deepEqual([service.service, service.target], ['socktopus', '192.0.2.8:1234'])
    assert.deepEqual(config.warnings, [])
  })

  it('has a path for each URI: the destination itself, and through redirectors and proxies to it', () => {
    const config = connect(['tcp://dest', 'tcp://relay:7', 'socks://u:p%40@s', 'http://h', 'https://x:8443'])
    assert.deepEqual(
      config.paths.map(({ name, remote, proxy, role }) => [
        `${name} ${role} ${remote.host}:${remote.port}`,
        proxy === undefined ? '' : `${proxy.kind} ${proxy.host}:${proxy.port} ${proxy.login?.password ?? ''}`.trim(),
      ]),
      [
        ['direct primary dest:23461', ''],
        ['relay-1 secondary dest:23461', 'tcp relay:7'],
        ['relay-2 secondary dest:23461', 'socks5 s:1080 p@'],
        ['relay-3 secondary dest:23461', 'http h:8080'],
        ['relay-4 secondary dest:23461', 'https x:8443'],
      ],
    )
    assert.ok(config.paths.every(({ tls }) => tls))
  })

  it('says what is missing or wrong, and repeats no password', () => {
    assert.match(
      refusal(() => parseSocktopus(['tcp://x'], { env: {} })),
      /^UDPLOC is missing from the environment: where datagrams/,
    )
    assert.match(
      refusal(() => parseSocktopus(['tcp://x'], { env: { UDPLOC: '1' } })),
      /^UDPREM is missing from the environment/,
    )
    assert.equal(
      refusal(() => connect(['socks://x'])),
      'the first URI is the destination and must be tcp://host[:port]; proxies come after it',
    )
    assert.match(
      refusal(() => connect(['tcp://x', 'ftp://u:hunter2@y'])),
      /^the URI of "ftp:\/\/…@y" is not right; expected tcp:/,
    )
    assert.match(
      refusal(() => connect(['x'])),
      /^the URI of "x" is not right/,
    )
  })

  it('warns of a key that everybody knows, and of an own end that the listener decides', () => {
    const { warnings, password } = connect(['tcp://x'], { SOCKTOPUS_KEY: '', UDPREM: '10.0.0.1:5000:h:1' })
    assert.equal(password, 'socktopus')
    assert.equal(warnings.length, 2)
    assert.match(warnings[0]!, /^SOCKTOPUS_KEY is not set/)
    assert.match(
      warnings[1]!,
      /^UDPREM: the listener sends to h:1, and from a port of its own choice instead of 10\.0\.0\.1:5000;/,
    )
  })

  it('warns of a key that can be guessed', () => {
    assert.deepEqual(connect(['tcp://x']).warnings, [])
    assert.match(connect(['tcp://x'], { SOCKTOPUS_KEY: 'short' }).warnings[0]!, /^SOCKTOPUS_KEY: so short a password/)
  })

  it('takes a key with any characters', () => {
    assert.equal(connect(['tcp://x'], { SOCKTOPUS_KEY: '${HOME}: #1 "q"' }).password, '${HOME}: #1 "q"')
  })
})

describe("socktopus's listener", () => {
  it('lets whoever knows no key reach this machine only', () => {
    const config = listen({})
    assert.deepEqual(
      config.listeners.map(({ host, port, tls }) => [host, port, tls !== false]),
      [['::', 23_461, true]],
    )
    const [service] = config.services
    assert.ok(service?.type === 'udp')
    assert.deepEqual(
      [service.name, service.connect, service.allow],
      ['socktopus', undefined, ['localhost:*', '127.0.0.0/8:*', '[::1]:*']],
    )
    assert.equal(config.warnings.length, 1)
    assert.match(
      config.warnings[0]!,
      /^SOCKTOPUS_KEY is not set, so the key is one that everybody knows: whoever connects/,
    )
  })

  it('lets whoever knows the key say where, or only where UDPALLOW has it', () => {
    const allowed = (env: Environment) => {
      const [service] = listen(env).services
      return service?.type === 'udp' ? service.allow : undefined
    }
    assert.deepEqual(allowed({ SOCKTOPUS_KEY: KEY }), ['*:*', 'localhost:*', '127.0.0.0/8:*', '[::1]:*'])
    assert.deepEqual(allowed({ SOCKTOPUS_KEY: KEY, UDPALLOW: '192.0.2.8:1234, 10.0.0.0/8:*' }), [
      '192.0.2.8:1234',
      '10.0.0.0/8:*',
    ])
    assert.deepEqual(allowed({ UDPALLOW: '192.0.2.8:1234' }), ['192.0.2.8:1234'])
    assert.match(
      refusal(() => listen({ UDPALLOW: 'x' })),
      /^UDPALLOW: found "x"; expected host:port/,
    )
  })

  it('listens where SERVICE says', () => {
    const { listeners, warnings, name } = listen({ SERVICE: '127.0.0.1:5000', SOCKTOPUS_KEY: KEY })
    assert.deepEqual([listeners[0]?.host, listeners[0]?.port, name], ['127.0.0.1', 5000, 'socktopus-listener-5000'])
    assert.deepEqual(warnings, [])
  })
})
