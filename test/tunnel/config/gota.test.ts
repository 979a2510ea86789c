import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientConfig, ServerConfig } from '../../../src/tunnel/config/types.ts'
import { ENV, mistakes, read } from './read.ts'

const SERVER = `mode: server
# as much as there is
log: debug
auth:
  username: gota
  password: gota
# where the streams lead
remote: 127.0.0.1:8080
tunnel:
  - listen: 127.0.0.1:12333
  - listen: 127.0.0.1:12336
`

const CLIENT = `mode: client
log: debug
auth:
  username: gota
  password: gota
listen: 127.0.0.1:12363
tunnel:
  - remote: 127.0.0.1:12333 # directly
  - remote: 127.0.0.1:12336
    # through a proxy: http, https or socks5
    proxy: http://gota:gota@127.0.0.1:3128
`

const DEFAULT_LOGIN = /auth: the password is Gota's own, which everybody knows; choose another, at both ends$/

describe("Gota's server file", () => {
  it('is read as it is', () => {
    const config = read(SERVER) as ServerConfig
    assert.equal(config.mode, 'server')
    assert.equal(config.log.level, 'debug')
    const tls = { certificate: undefined, clientCa: undefined }
    assert.deepEqual(config.listeners, [
      { host: '127.0.0.1', port: 12_333, tls },
      { host: '127.0.0.1', port: 12_336, tls },
    ])
    assert.deepEqual(
      config.users.map(({ name, secret }) => ({ name, secret })),
      [{ name: 'gota', secret: { password: 'gota' } }],
    )
    const [service] = config.services
    assert.ok(service?.type === 'tcp')
    assert.deepEqual(
      [service.name, service.connect, service.pool],
      ['gota', { host: '127.0.0.1', port: 8080 }, undefined],
    )
    assert.deepEqual(config.allow, [])
    assert.equal(config.warnings.length, 1)
    assert.match(config.warnings[0]!, DEFAULT_LOGIN)
  })

  it('has all the keys of its last version', () => {
    const config = read(`${SERVER.replaceAll('gota\n', 'other\n')}
verbose: true
fastopen: false
whiteips: [127.0.0.1/32, 10.0.0.0/8]
pool: { enable: true, count: 3, keepalive: 10 }
`) as ServerConfig
    const [service] = config.services
    assert.ok(service?.type === 'tcp')
    assert.deepEqual(service.pool, { count: 3, keepalive: 10_000 })
    assert.deepEqual(config.allow, ['127.0.0.1/32', '10.0.0.0/8'])
    assert.deepEqual(config.warnings, [])
  })

  it("has no pool unless that is enabled, and Gota's defaults of one", () => {
    const poolOf = (pool: string) => {
      const [service] = (read(`${SERVER}pool: ${pool}`) as ServerConfig).services
      return service?.type === 'tcp' ? service.pool : undefined
    }
    assert.equal(poolOf('{ enable: false, count: 3 }'), undefined)
    assert.deepEqual(poolOf('{ enable: yes }'), { count: 10, keepalive: 0 })
  })

  it("has Gota's own login when it says none, and a number for a password", () => {
    const without = read(SERVER.replace(/auth:\n.*\n.*\n/, '')) as ServerConfig
    assert.deepEqual(without.users[0]?.secret, { password: 'gota' })
    const number = read(SERVER.replace('password: gota', 'password: 1234')) as ServerConfig
    assert.deepEqual(number.users[0]?.secret, { password: '1234' })
  })

  it('keeps a dollar and braces as they are', () => {
    const config = read(SERVER.replace('password: gota', () => 'password: a${b}')) as ServerConfig
    assert.deepEqual(config.users[0]?.secret, { password: 'a${b}' })
  })
})

describe("Gota's client file", () => {
  it('is read as it is', () => {
    const config = read(CLIENT) as ClientConfig
    assert.deepEqual([config.user, config.password, config.trust], ['gota', 'gota', { by: 'password' }])
    assert.deepEqual(
      config.paths.map(({ name, remote, proxy, tls, role }) => ({ name, remote, proxy, tls, role })),
      [
        {
          name: 'tunnel-1',
          remote: { host: '127.0.0.1', port: 12_333 },
          proxy: undefined,
          tls: true,
          role: 'primary',
        },
        {
          name: 'tunnel-2',
          remote: { host: '127.0.0.1', port: 12_336 },
          proxy: { kind: 'http', host: '127.0.0.1', port: 3128, login: { user: 'gota', password: 'gota' } },
          tls: true,
          role: 'primary',
        },
      ],
    )
    const [service] = config.services
    assert.ok(service?.type === 'tcp')
    assert.deepEqual([service.service, service.listen], ['gota', { host: '127.0.0.1', port: 12_363 }])
  })

  it('makes two paths of the same remote twice, and binds each to its address', () => {
    const text = CLIENT.replace('12336\n', '12333\n    local: 192.0.2.3:0\n').replace(
      '12333 # directly',
      '12333\n    local: 192.0.2.4:0',
    )
    const { paths } = read(text) as ClientConfig
    assert.deepEqual(
      paths.map(({ remote, local }) => [remote.port, local]),
      [
        [12_333, '192.0.2.4'],
        [12_333, '192.0.2.3'],
      ],
    )
  })

  it("takes JSON, capitals and Go's way to write addresses", () => {
    const json = JSON.stringify(
      {
        Mode: 'client',
        Log: 'info',
        Listen: ':12363',
        Tunnel: [{ Remote: ':12333' }],
        Auth: { Username: 'a', Password: 'b' },
      },
      null,
      '\t',
    )
    const config = read(json) as ClientConfig
    assert.deepEqual(config.services[0]?.listen, { host: '::', port: 12_363 })
    assert.deepEqual(config.paths[0]?.remote, { host: '127.0.0.1', port: 12_333 })
    assert.equal(config.user, 'a')
  })
})

describe('a file of Gota', () => {
  it('has its levels', () => {
    const level = (word: string): string => read(SERVER.replace('log: debug', `log: ${word}`)).log.level
    const words = ['info', 'debug', 'warn', 'error', 'fatal', 'panic', 'nonsense']
    assert.deepEqual(words.map(level), ['info', 'debug', 'warn', 'error', 'error', 'error', 'debug'])
  })

  it('is overridden by the environment, and says so', () => {
    const env = { ...ENV, LOG: 'warn', LISTEN: '127.0.0.1:1', MODE: '', FASTOPEN: 'false' }
    const config = read(CLIENT, env) as ClientConfig
    assert.deepEqual(
      [config.mode, config.log.level, config.services[0]?.listen],
      ['client', 'warn', { host: '127.0.0.1', port: 1 }],
    )
    assert.deepEqual(
      config.warnings.filter((line) => line.includes('environment')),
      ['LOG=warn', 'LISTEN=127.0.0.1:1', 'FASTOPEN=false'].map(
        (text) =>
          `x.yaml:1:1: ${text} in the environment goes before "${text.split('=')[0]!.toLowerCase()}" in the file, as with Gota`,
      ),
    )
    assert.equal(read(SERVER, { ...ENV, MODE: 'production' }).mode, 'server')
    assert.deepEqual(mistakes(CLIENT, { ...ENV, LISTEN: 'nowhere' }), [
      'x.yaml:1:1: LISTEN in the environment: found "nowhere"; expected address:port such as 127.0.0.1:12363',
    ])
  })

  it('tells its end by what it says where it has no mode', () => {
    assert.equal(read(SERVER.replace('mode: server\n', '')).mode, 'server')
    assert.equal(read(CLIENT.replace('mode: client\n', '')).mode, 'client')
  })

  it('may have keys that nobody knows, which is said', () => {
    const { warnings } = read(`${SERVER}color: red\n`)
    assert.ok(warnings.includes('x.yaml:12:8: color: "color" is no key of Gota\'s; it is ignored'), warnings.join('\n'))
  })

  it('has its mistakes named', () => {
    const text = CLIENT.replace('12333 #', '1233x #')
      .replace('http:', 'ftp:')
      .replace('    # through', '    local: 192.0.2.3:5\n    #')
    assert.deepEqual(
      mistakes(text).map((line) => line.slice(0, 50)),
      [
        'x.yaml:8:13: tunnel[0].remote: found "127.0.0.1:12',
        'x.yaml:10:12: tunnel[1].local: found "192.0.2.3:5"',
        'x.yaml:12:12: tunnel[1].proxy: found a string (hid',
      ],
    )
    assert.deepEqual(mistakes(SERVER.replace('remote: 127.0.0.1:8080\n', '')), [
      'x.yaml:1:1: "remote" is missing; expected host:port such as 127.0.0.1:8080',
    ])
  })
})
