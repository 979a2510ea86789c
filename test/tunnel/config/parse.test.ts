import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { loadConfig, parseConfig } from '../../../src/tunnel/config/parse.ts'
import type { ClientConfig, ServerConfig } from '../../../src/tunnel/config/types.ts'
import { client, ENV, mistakes, read, readClient, readServer, server } from './read.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Writes a file of the test's folder. */
function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

describe('parseConfig() of a server', () => {
  it('fills in every default, and splits addresses', () => {
    const { file: _file, ...config } = readServer('')
    assert.deepEqual(config, {
      mode: 'server',
      name: 'x',
      log: { level: 'info', file: undefined, format: 'text' },
      control: '/run/user/1000/gotcp/x.sock',
      metrics: undefined,
      state: '/home/ada/.local/state/gotcp',
      window: 64 * 2 ** 20,
      streamWindow: 16 * 2 ** 20,
      budget: 256 * 2 ** 20,
      scheduler: 'aggregate',
      freeze: 120_000,
      ping: { active: 1000, idle: 15_000 },
      drain: 10_000,
      listeners: [{ host: '127.0.0.1', port: 7000, tls: { certificate: undefined, clientCa: undefined } }],
      users: [
        {
          name: 'ada',
          secret: { password: 'secret' },
          services: undefined,
          targets: undefined,
          maxSessions: undefined,
          maxPaths: undefined,
          maxStreams: undefined,
          rate: undefined,
        },
      ],
      allow: [],
      limits: {
        halfOpen: 1024,
        halfOpenPerAddress: 32,
        handshakeTimeout: 5000,
        connectionRate: 20,
        connectionBurst: 200,
        banAfter: 5,
        banFor: 10_000,
        maxSessions: 4096,
        maxSessionsPerUser: 64,
        maxPaths: 16,
        maxStreams: 10_000,
      },
      services: [
        {
          name: 'web',
          type: 'tcp',
          connect: { host: '127.0.0.1', port: 80 },
          connectTimeout: 10_000,
          pool: undefined,
          proxyProtocol: undefined,
          maxStreams: undefined,
          rate: undefined,
        },
      ],
      warnings: [],
    })
  })

  it('reads every kind of service, listener and user', () => {
    const config = read(`mode: server
listen: ["*:7000", "[::1]:7001", { address: "127.0.0.1:7002", tls: false }]
tls: { certificate: package.json, key: ${join(process.cwd(), 'LICENSE')}, client-ca: README.md }
users:
  - { name: ada, password: "1234", services: "w*", targets: "*:443", rate: 100M, max-paths: 3 }
  - name: bob
    scram: "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$${'A'.repeat(43)}=:${'A'.repeat(43)}="
allow: [10.0.0.0/8, "2001:db8::/32", 192.0.2.7]
services:
  - { name: web, type: tcp, connect: unix:run/web.sock, pool: { count: 4, keepalive: 10 }, proxy-protocol: v2 }
  - { name: dns, type: udp, connect: "127.0.0.1:53", idle: 5s, rate: 2M }
  - { name: any, type: proxy, allow: ["*.Example.org:443", "10.0.0.0/8:*", "db:5432-5440"], deny: 192.168.0.0/16, max-streams: 7 }
limits: { half-open: 9, handshake-timeout: 1500ms }
log: { level: debug, file: tunnel.log, format: json }
control: false
metrics: 127.0.0.1:9100
state: kept
`) as ServerConfig
    const tls = {
      certificate: { certificate: join(process.cwd(), 'package.json'), key: join(process.cwd(), 'LICENSE') },
      clientCa: join(process.cwd(), 'README.md'),
    }
    assert.deepEqual(config.listeners, [
      { host: '::', port: 7000, tls },
      { host: '::1', port: 7001, tls },
      { host: '127.0.0.1', port: 7002, tls: false },
    ])
    assert.deepEqual(config.allow, ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'])
    assert.deepEqual([config.users[0]?.services, config.users[0]?.targets], [['w*'], ['*:443']])
    assert.deepEqual(
      config.services.map(({ rate }) => rate),
      [undefined, 2_000_000, undefined],
    )
    assert.equal(config.users[0]?.rate, 100_000_000)
    assert.match(JSON.stringify(config.users[1]?.secret), /SCRAM-SHA-256/)
    const [web, dns, any] = config.services
    assert.ok(web?.type === 'tcp' && dns?.type === 'udp' && any?.type === 'proxy')
    assert.deepEqual(web.connect, { path: join(process.cwd(), 'run/web.sock') })
    assert.deepEqual(web.pool, { count: 4, keepalive: 10_000 })
    assert.equal(web.proxyProtocol, 'v2')
    assert.equal(dns.idle, 5000)
    assert.deepEqual(any.allow, ['*.Example.org:443', '10.0.0.0/8:*', 'db:5432-5440'])
    assert.deepEqual([any.maxStreams, any.deny], [7, ['192.168.0.0/16']])
    assert.deepEqual([config.limits.halfOpen, config.limits.handshakeTimeout, config.limits.maxPaths], [9, 1500, 16])
    assert.deepEqual(config.log, { level: 'debug', file: join(process.cwd(), 'tunnel.log'), format: 'json' })
    assert.equal(config.control, undefined)
    assert.deepEqual(config.metrics, { host: '127.0.0.1', port: 9100 })
    assert.equal(config.state, join(process.cwd(), 'kept'))
    assert.deepEqual(config.warnings, [])
  })

  it('is frozen through and through', () => {
    const config = readServer('')
    assert.throws(() => Object.assign(config.services[0]!, { name: 'other' }), TypeError)
    assert.throws(() => (config.users as unknown[]).push(1), TypeError)
  })
})

describe('parseConfig() of a client', () => {
  it('reads paths and services', () => {
    const digest = 'ab'.repeat(32)
    const config = read(`mode: client
user: ada
password: secret
trust: { fingerprint: "SHA256:${digest.toUpperCase()}" }
paths:
  - { name: dsl, remote: "vpn.example.org:7000", local: 192.0.2.3, weight: 2.5, rate: 40M }
  - { remote: "[2001:db8::1]:7000", interface: wwan0, role: secondary, quota: 10G, connect-timeout: 2500ms }
  - { name: relay, remote: "vpn.example.org:7000", proxy: "socks5://u:p%40ss@proxy:1081" }
  - { name: safe, remote: "vpn.example.org:7000", proxy: "https://proxy", proxy-ca: LICENSE }
  - { name: own, remote: "10.0.0.2:7000", via: { interface: eth0, ip: 10.0.0.9/24, gateway: 10.0.0.1 }, tls: false }
services:
  - { name: web, type: tcp, listen: unix:/run/web.sock }
  - { name: db, service: any, type: tcp, listen: "127.0.0.1:5432", target: "db.example.org:5432" }
  - { name: dns, type: udp, listen: "127.0.0.1:5353", idle: 5s }
  - { name: any, type: socks5, listen: "127.0.0.1:1080" }
  - { name: more, type: http, listen: "127.0.0.1:0" }
scheduler: min-latency
`) as ClientConfig
    assert.deepEqual(config.trust, { by: 'fingerprint', fingerprints: [`sha256:${digest}`] })
    const [dsl, second, relay, safe, own] = config.paths
    assert.deepEqual(dsl, {
      name: 'dsl',
      remote: { host: 'vpn.example.org', port: 7000 },
      local: '192.0.2.3',
      interface: undefined,
      proxy: undefined,
      proxyCa: undefined,
      via: undefined,
      tls: true,
      role: 'primary',
      weight: 2.5,
      quota: undefined,
      rate: 40_000_000,
      connectTimeout: 10_000,
    })
    assert.deepEqual([second?.name, second?.remote.host], ['path-2', '2001:db8::1'])
    assert.deepEqual(second?.quota, { bytes: 10_000_000_000, period: 'month' })
    assert.equal(second?.connectTimeout, 2500)
    assert.deepEqual(relay?.proxy, {
      kind: 'socks5',
      host: 'proxy',
      port: 1081,
      login: { user: 'u', password: 'p@ss' },
    })
    assert.equal(safe?.proxyCa, join(process.cwd(), 'LICENSE'))
    assert.deepEqual(own?.via, { interface: 'eth0', ip: '10.0.0.9/24', gateway: '10.0.0.1' })
    const [web, db, dns, any, more] = config.services
    assert.deepEqual([web?.listen, web?.service], [{ path: '/run/web.sock' }, 'web'])
    assert.ok(db?.type === 'tcp' && dns?.type === 'udp')
    assert.deepEqual([db.service, db.target], ['any', 'db.example.org:5432'])
    assert.equal(dns.idle, 5000)
    assert.deepEqual([any?.type, more?.type], ['socks5', 'http'])
    assert.equal(config.scheduler, 'min-latency')
    assert.equal(config.warnings.length, 1)
    assert.match(config.warnings[0]!, /^x\.yaml:10:\d+: paths\[4\]\.tls: tls: false towards another machine/)
  })

  it('makes several connections of one path, which share its limits', () => {
    const text = client().replace('remote:', 'name: dsl, connections: 4, rate: 10M, quota: 100M/day, remote:')
    const { paths } = read(text) as ClientConfig
    assert.deepEqual(
      paths.map(({ name }) => name),
      ['dsl-1', 'dsl-2', 'dsl-3', 'dsl-4'],
    )
    assert.deepEqual(
      [paths[3]?.rate, paths[3]?.quota, paths[3]?.weight],
      [2_500_000, { bytes: 25_000_000, period: 'day' }, 0.25],
    )
  })

  it('reads the other ways to know a server', () => {
    assert.deepEqual(readClient('').trust, { by: 'password' })
    const { trust } = readClient('trust: { ca: LICENSE, name: vpn.example.org }')
    assert.deepEqual(trust, { by: 'ca', ca: join(process.cwd(), 'LICENSE'), name: 'vpn.example.org' })
  })
})

describe('places', () => {
  const places = (env: Readonly<Record<string, string>>, more = '', isRoot = false) => {
    const { state, control } = parseConfig(server(more), { file: '/etc/gotcp/work.yaml', env, isRoot })
    return { state, control }
  }

  it("are systemd's, the user's, or beside the file", () => {
    assert.deepEqual(
      places({ STATE_DIRECTORY: '/var/lib/gotcp:/x', RUNTIME_DIRECTORY: '/run/gotcp', HOME: '/root' }, '', true),
      {
        state: '/var/lib/gotcp',
        control: '/run/gotcp/work.sock',
      },
    )
    assert.deepEqual(places({ HOME: '/root' }, '', true), {
      state: '/root/.local/state/gotcp',
      control: '/run/gotcp/work.sock',
    })
    assert.deepEqual(places({ XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/r' }), {
      state: '/s/gotcp',
      control: '/r/gotcp/work.sock',
    })
    assert.deepEqual(places({}, 'name: other'), {
      state: '/etc/gotcp/gotcp-state',
      control: '/etc/gotcp/gotcp-state/other.sock',
    })
    assert.deepEqual(places({}, 'state: s\ncontrol: c/x.sock'), {
      state: '/etc/gotcp/s',
      control: '/etc/gotcp/c/x.sock',
    })
  })
})

describe('secrets', () => {
  it('come from the environment, in any string', () => {
    const { users, services } = readServer('', ENV)
    assert.equal(users.length + services.length, 2)
    const text = server().replace('secret', '"${PASSWORD}"').replace('127.0.0.1:80', '${HOST}:80')
    const config = read(text, { ...ENV, PASSWORD: 'a: "b" # 1', HOST: 'db' }) as ServerConfig
    assert.deepEqual(config.users[0]?.secret, { password: 'a: "b" # 1' })
    assert.match(JSON.stringify(config.services[0]), /"host":"db"/)
    const plain = read(server().replace('secret', () => '"$${PASSWORD}"')) as ServerConfig
    assert.deepEqual(plain.users[0]?.secret, { password: '${PASSWORD}' })
  })

  it('come from files beside the configuration, and it is said when others may read them', () => {
    write('secret', 'hunter2\n')
    write('open', 'hunter3\r\n', 0o644)
    const path = write('client.yaml', client().replace('password: secret', 'password-file: secret'))
    const config = loadConfig(path, { env: ENV }) as ClientConfig
    assert.deepEqual([config.password, config.warnings], ['hunter2', []])
    write('client.yaml', client().replace('password: secret', 'password-file: open'))
    const other = loadConfig(path, { env: ENV }) as ClientConfig
    assert.equal(other.password, 'hunter3')
    assert.deepEqual(other.warnings, [
      `${path}:3:16: password-file: everybody on this machine may read ${join(folder, 'open')}; chmod o-r ${join(folder, 'open')}`,
    ])
  })

  it('in the file itself are warned of when others may read it, in the environment not', () => {
    const warned = (text: string, mode: number): number => {
      const config = loadConfig(write('open.yaml', text, mode), { env: { ...ENV, P: 'x' } })
      return config.warnings.filter((line) => line.endsWith(`chmod o-r ${join(folder, 'open.yaml')}`)).length
    }
    assert.deepEqual([warned(client(), 0o644), warned(client(), 0o600), warned(server(), 0o644)], [1, 0, 1])
    const withProxy = client().replace('secret', '"${P}"').replace('remote:', 'proxy: "http://u:p@h:1", remote:')
    assert.equal(warned(withProxy, 0o644), 1)
    assert.equal(warned(client().replace('secret', '"${P}"'), 0o644), 0)
  })

  it('is refused with a word when it is no text', () => {
    for (const [name, bytes] of [
      ['binary', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 0, 0])],
      ['utf16.yaml', Buffer.from(server(), 'utf16le')],
    ] as const) {
      const path = join(folder, name)
      writeFileSync(path, bytes)
      assert.throws(() => loadConfig(path, { env: ENV }), { code: 'ERR_CONFIG', message: /is no text in UTF-8/ })
    }
  })

  it('may stand in a users-file, whose mistakes carry its name', () => {
    write('users.yaml', '- { name: bob, password: "b" }\n- { name: eve, passwort: x }\n')
    const path = write('server.yaml', server('users-file: users.yaml'))
    assert.throws(
      () => loadConfig(path, { env: ENV }),
      (error: Error) => {
        assert.match(error.message, /users\.yaml:2:16: \[1\]: unknown key "passwort"; did you mean "password"\?/)
        return true
      },
    )
    write('users.yaml', '- { name: bob, password: "b" }\n')
    const { users } = loadConfig(path, { env: ENV }) as ServerConfig
    assert.deepEqual(
      users.map(({ name }) => name),
      ['ada', 'bob'],
    )
  })

  it('are missed when they are not there', () => {
    assert.deepEqual(mistakes(client().replace('password: secret', 'password-file: /no/such/file')), [
      'x.yaml:3:16: password-file: /no/such/file cannot be read: ENOENT: no such file or directory',
    ])
    assert.deepEqual(mistakes(client().replace('secret', '"${NO_SUCH}"')), [
      'x.yaml:3:11: the environment has no variable NO_SUCH; set it, or write $${ for a plain ${',
    ])
  })
})
