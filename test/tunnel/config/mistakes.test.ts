import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseConfig } from '../../../src/tunnel/config/parse.ts'
import { ConfigError } from '../../../src/tunnel/config/problem.ts'
import { client, mistakes, read, server } from './read.ts'

/** The only mistake in a text, without the file's name. */
function mistake(text: string): string {
  const lines = mistakes(text)
  assert.equal(lines.length, 1, lines.join('\n'))
  return lines[0]!.replace(/^x\.yaml:/, '')
}

/** Of a server's service that is so. */
const ofService = (service: string): string => mistake(server(`  - { name: s, ${service} }`)).replace(/^6:/, '')

describe('a mistake is named by line, column, key, what is there, what is expected, and what mends it', () => {
  const cases: Readonly<Record<string, readonly [text: string, says: string]>> = {
    'an unknown key': [server('schedular: backup'), '6:1: unknown key "schedular"; did you mean "scheduler"?'],
    'an unknown key deep inside': [
      server('limits: { halfopen: 7 }'),
      '6:11: limits: unknown key "halfopen"; did you mean "half-open"?',
    ],
    'an underscore': [server('stream_window: 1M'), '6:1: unknown key "stream_window"; did you mean "stream-window"?'],
    'an unknown key like no other': [
      client('trust: { q: 1 }'),
      '7:10: trust: unknown key "q"; known here: fingerprint, ca, name',
    ],
    'a key that is there twice': [server('log: info\nlog: warn'), '7:1: this key is there twice; keep one of the two'],
    'a key that is there twice, deep inside': [
      server('limits: { half-open: 7, half-open: 8 }'),
      '6:25: this key is there twice; keep one of the two',
    ],
    'a key of the other end': [
      server('paths: []'),
      '6:1: unknown key "paths"; paths are the client\'s; a server has "listen"',
    ],
    'a missing key': [
      server().replace('listen: 127.0.0.1:7000\n', ''),
      '1:1: "listen" is missing; expected address:port such as 0.0.0.0:7000',
    ],
    'no value': [server('window:'), '6:8: window: found nothing; expected a size from 256K to 1G, such as 64M'],
    'a size too large': [server('window: 2T'), '6:9: window: found "2T"; expected a size from 256K to 1G, such as 64M'],
    'a time without a unit': [
      server('drain: 86400'),
      '6:8: drain: found 86400; expected a time from 0 to 1h, such as 10s, 500ms or 2m; a number without a unit counts seconds',
    ],
    'a word misspelt': [
      server('scheduler: agregate'),
      '6:12: scheduler: found "agregate"; expected one of aggregate, first-ready, min-latency, redundant, weighted, ' +
        'backup; did you mean aggregate?',
    ],
    'a word of no list': [
      server('log: { level: loud }'),
      '6:15: log.level: found "loud"; expected one of error, warn, info, debug',
    ],
    'a list where a mapping belongs': [server('ping: [1s]'), '6:7: ping: found a list; expected a mapping of keys'],
    'a mapping where a list belongs': [
      client().replace('[{ remote: "127.0.0.1:7000" }]', '{ remote: "127.0.0.1:7000" }'),
      '4:8: paths: found a mapping of keys; expected a list; each item begins with "- "',
    ],
    'a port alone': [
      server().replace('127.0.0.1:7000', '7000'),
      '2:9: listen: found 7000; expected address:port such as 0.0.0.0:7000; write the host, too: 0.0.0.0:7000',
    ],
    'a host alone': [
      client().replace('"127.0.0.1:7000"', 'vpn.example.org'),
      '4:19: paths[0].remote: found "vpn.example.org"; expected host:port such as vpn.example.org:7000; the port is ' +
        'missing: vpn.example.org:7000',
    ],
    'an IPv6 address without brackets': [
      client().replace('"127.0.0.1:7000"', '"2001:db8::1"'),
      '4:19: paths[0].remote: found "2001:db8::1"; expected host:port such as vpn.example.org:7000; an IPv6 address ' +
        'wants brackets and a port: [2001:db8::1]:7000',
    ],
    'a password that YAML takes for a number': [
      client().replace('secret', '12345'),
      '3:11: password: found a number (hidden); expected some text; put it in quotes, then it is text',
    ],
    'a proxy whose password is not encoded': [
      client().replace('remote:', 'proxy: "http://u:p/w@host:8080", remote:'),
      '4:18: paths[0].proxy: found a string (hidden); expected a proxy such as socks5://user:password@host:1080, ' +
        'http://host:8080, https://host or tcp://host:7000; in a name or password write %40 for @, %3A for : and %2F for /',
    ],
    'an authority for a proxy without TLS': [
      client().replace('remote:', 'proxy: "http://host", proxy-ca: LICENSE, remote:'),
      '4:43: paths[0].proxy-ca: it is for a proxy with https://; remove it',
    ],
    'a proxy of an unknown kind': [
      client().replace('remote:', 'proxy: "ftp://host:21", remote:'),
      '4:18: paths[0].proxy: found a string (hidden); expected a proxy such as socks5://user:password@host:1080, ' +
        'http://host:8080, https://host or tcp://host:7000; ftp:// is not known',
    ],
    'no mode': ['listen: 127.0.0.1:7000', '1:1: "mode" is missing; expected mode: server, or mode: client'],
    'an unknown mode': ['mode: sever', '1:7: mode: found "sever"; expected server or client; did you mean server?'],
    'an empty file': ['# nothing', '1:1: the file holds no keys; gotcp tunnel init writes one to begin with'],
    'no user': [
      server().replace('[{ name: ada, password: secret }]', '[]'),
      '1:1: nobody may connect; add users: [{ name: ada, password: … }], or a users-file',
    ],
    'a user without a password': [
      server().replace(', password: secret', ''),
      '3:9: users[0]: the user "ada" has no password; give one of password, password-file and scram',
    ],
    'no password': [
      client().replace('password: secret\n', ''),
      '1:1: the password is missing; give password or password-file',
    ],
    'no path': [client().replace(/\[\{.*\}\]/, '[]'), '4:8: paths: a client needs a path: - { remote: "host:7000" }'],
    'a name twice': [
      server('  - { name: web, type: udp, connect: "127.0.0.1:53" }'),
      '6:13: services[1].name: "web" is there already, in line 5; choose another name',
    ],
    'a listener twice': [
      client('  - { name: other, type: socks5, listen: "127.0.0.1:8080" }'),
      '7:42: services[1].listen: 127.0.0.1:8080 is listened on already, in line 6; choose another port',
    ],
    'a service that is not there': [
      server().replace('secret }', 'secret, services: [wbe] }'),
      '3:51: users[0].services[0]: there is no service "wbe"; did you mean "web"?',
    ],
    'half of a certificate': [
      server('tls: { certificate: LICENSE }'),
      '6:6: tls: certificate and key go together: name both files, or neither',
    ],
    'a file that is not there': [
      client('trust: { ca: /no/such/ca.pem }'),
      '7:14: trust.ca: /no/such/ca.pem cannot be read: ENOENT: no such file or directory',
    ],
    'two ways to know a server': [
      client(`trust: { ca: LICENSE, fingerprint: "sha256:${'0'.repeat(64)}" }`),
      '7:8: trust: give fingerprint or ca, one of the two',
    ],
    'a socket whose path the kernel does not take': [
      server(`control: /${'x'.repeat(200)}`),
      `6:10: control: /${'x'.repeat(200)} is too long for a Unix socket (107 octets); name a shorter one`,
    ],
    'a tab': ['mode: server\nlog:\n\tlevel: info\n', '3:1: a tab where YAML wants spaces; indent with spaces'],
    'a variable without quotes': [
      server().replace('secret', '${SECRET}'),
      '3:33: not YAML; between { } and [ ] put a variable in quotes: "${NAME}"',
    ],
    'a password that begins like an alias': [
      client().replace('secret', '*hunter2'),
      '3:11: a value that begins with one of * & ! | > % @ ` wants quotes around it',
    ],
    'a password that begins like a tag': [
      client().replace('secret', '!hunter2 x'),
      '3:11: a value that begins with one of * & ! | > % @ ` wants quotes around it',
    ],
    'a password that begins with what YAML keeps for itself': [
      client().replace('secret', '@hunter2'),
      '3:11: a value that begins with one of * & ! | > % @ ` wants quotes around it',
    ],
    'a password with a quote in it': [
      client().replace('secret', '"hunt"er2"'),
      '3:17: not YAML: something stands here that does not belong; a value with quotes in it wants others around it',
    ],
    'an IPv6 address without quotes': [
      server().replace(/listen: .*/, 'listen: [::]:7000'),
      '2:13: not YAML; an address that begins with a bracket wants quotes around it: "[::1]:7000"',
    ],
    'the same in a list': [
      server().replace(/listen: .*/, 'listen: [ [::]:7000 ]'),
      '2:11: an address that begins with a bracket wants quotes around it: "[::1]:7000"',
    ],
    'a space that is missing': [
      server().replace('password: secret', 'password:hunter2'),
      '3:22: users[0]: a space is missing behind "password:"',
    ],
    'a second document': [
      server('---\nmode: client'),
      '6:1: a second document begins here; a configuration is one: remove the ---',
    ],
  }
  for (const [what, [text, says]] of Object.entries(cases)) it(what, () => assert.equal(mistake(text), says))

  it('levels without end', () => {
    const says = /^6:\d+: hundreds of levels lie within each other here; is it a configuration at all\?$/
    for (const level of ['[', '{ a: ']) assert.match(mistake(server(`log: ${level.repeat(20_000)}`)), says)
  })

  it('each of thousands of keys, at its own place', { timeout: 30_000 }, () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `${i}nonsense: 1`)
    const lines = mistakes(server(keys.join('\n')))
    assert.equal(lines.length, keys.length)
    assert.match(lines.at(-1)!, /^x\.yaml:20005:1: unknown key "19999nonsense"/)
  })
})

describe('a mistake in a service', () => {
  it('is told by its type', () => {
    assert.equal(
      ofService('type: socks5, allow: ["*:443"]'),
      '22: services[1].type: found "socks5"; expected one of tcp, udp, proxy, bench; a client listens so; at the server that is type: proxy',
    )
    assert.equal(
      ofService('connect: "db:1"'),
      '5: services[1]: "type" is missing; expected one of tcp, udp, proxy, bench',
    )
    assert.equal(
      ofService('type: udp, connect: "a:1", allow: ["a:1"]'),
      '50: services[1].allow: the service has a connect, so no client may choose; remove one of the two',
    )
    assert.equal(ofService('type: udp'), '5: services[1]: leads nowhere; say connect, or allow')
    assert.equal(
      ofService('type: proxy, allow: ["example.org"]'),
      '37: services[1].allow[0]: found "example.org"; expected host:port such as "*.example.org:443", "10.0.0.0/8:*" ' +
        'or "db:5432-5440"; say which ports: "example.org:*" is all of them',
    )
    assert.deepEqual(mistakes(server('  - { name: s, type: tcp, listen: "127.0.0.1:80" }')), [
      'x.yaml:6:5: services[1]: "connect" is missing; expected host:port such as 127.0.0.1:80, or unix:/path',
      'x.yaml:6:27: services[1]: unknown key "listen"; services listen at the client; here it is "connect"',
    ])
  })
})

describe('all mistakes', () => {
  it('come at once, in the order of the file', () => {
    const error = (() => {
      try {
        read('mode: client\nuser: 7\npaths: [{ remote: x, rol: y }]\nservices: [a]\nzz: 1')
      } catch (caught) {
        return caught
      }
      return undefined
    })()
    assert.ok(error instanceof ConfigError)
    assert.equal(error.code, 'ERR_CONFIG')
    assert.deepEqual(
      error.problems.map(({ line, column, key }) => [line, column, key]),
      [
        [2, 7, 'user'],
        [3, 19, 'paths[0].remote'],
        [3, 22, 'paths[0]'],
        [4, 12, 'services[0]'],
        [5, 1, ''],
      ],
    )
    assert.match(error.message, /^5 mistakes in x\.yaml:\nx\.yaml:2:7: user: found 7;/)
  })

  it('are found behind anchors and merged mappings', () => {
    const text = client(
      '  - &a { name: a, type: tcp, listen: "127.0.0.1:1" }\n  - { <<: *a, name: b, listen: "127.0.0.1:2" }',
    )
    assert.deepEqual(mistakes(text), [])
    assert.deepEqual(mistakes(text.replace('name: b,', 'name: b, max-streams: x,')), [
      'x.yaml:8:37: services[2].max-streams: found "x"; expected a whole number from 1 to 1000000',
    ])
  })

  it('of a file in TOML are one', () => {
    assert.throws(
      () => parseConfig('mode = "server"\n[auth]\nusername = "gota"\n', { file: 'config.toml', env: {} }),
      /config\.toml:1:1: TOML is not read; write it as YAML or JSON/,
    )
  })
})

describe('warnings', () => {
  const warnings = (text: string): readonly string[] => read(text).warnings

  it('are said of what is in the clear, open to all, or for nobody', () => {
    assert.match(
      warnings(server('tls: false').replace('127.0.0.1:7000', '0.0.0.0:7000'))[0]!,
      /^x\.yaml:2:9: listen\[0\]: tls: false on an address/,
    )
    assert.deepEqual(warnings(server('tls: false')), [])
    assert.match(
      warnings(server('metrics: "0.0.0.0:9100"'))[0]!,
      /^x\.yaml:6:10: metrics: whoever reaches this address/,
    )
    assert.match(
      warnings(client('  - { name: p, type: http, listen: "*:3128" }'))[0]!,
      /services\[1\]\.listen: whoever reaches/,
    )
    assert.match(warnings(server('  - { name: p, type: proxy, allow: ["*:*"] }'))[0]!, /allow: every client may reach/)
    assert.deepEqual(
      warnings(
        server('  - { name: x, type: udp, connect: "127.0.0.1:53" }').replace('secret }', 'secret, services: web }'),
      ),
      ['x.yaml:6:5: services[1]: no user may open "x"'],
    )
  })
})
