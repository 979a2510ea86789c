import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { deriveKeys, parseScramKeys } from '../../src/tunnel/auth/scram-keys.ts'
import { loadConfig } from '../../src/tunnel/config/index.ts'
import { gotcp, type Outcome } from './world.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-cli-tunnel-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

/** Runs a command line with a stdin of its own; `until` waits for what it says on stderr. */
function gotcpOn(stdin: Readable, ...argv: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const said = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  stdout.on('data', (chunk) => (said.stdout += chunk))
  stderr.on('data', (chunk) => {
    said.stderr += chunk
    for (const watcher of watchers) watcher()
  })
  const outcome = run({ argv, env: {}, stdin, stdout, stderr }).then((code): Outcome => ({ code, ...said }))
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const watcher = (): void => {
        if (!pattern.test(said.stderr)) return
        watchers.delete(watcher)
        resolve()
      }
      watchers.add(watcher)
      watcher()
    })
  return { outcome, until }
}

const gotcpReading = (text: string, ...argv: readonly string[]): Promise<Outcome> =>
  gotcpOn(Readable.from([Buffer.from(text)]), ...argv).outcome

describe('gotcp tunnel init', () => {
  it('writes two files that check accepts, that belong together, and that others may not read', async () => {
    const { code, stdout, stderr } = await gotcp('tunnel', 'init', '-o', at('pair'))
    assert.deepEqual([code, stdout.trim().split('\n')], [0, [at('pair/server.yaml'), at('pair/client.yaml')]])
    assert.match(
      stderr,
      /gotcp tunnel server -c .*pair\/server\.yaml\n.*gotcp tunnel client -c .*pair\/client\.yaml\n.*curl/,
    )
    const server = loadConfig(at('pair/server.yaml'), { env: {} })
    const client = loadConfig(at('pair/client.yaml'), { env: {} })
    assert.ok(server.mode === 'server' && client.mode === 'client')
    assert.deepEqual([server.warnings, client.warnings], [[], []])
    assert.deepEqual(server.users[0]?.secret, { password: client.password })
    assert.ok(client.password.length >= 24)
    assert.deepEqual([server.users[0]?.name, server.services[0]?.name], [client.user, client.services[0]?.service])
    const [listener] = server.listeners
    assert.deepEqual(client.paths[0]?.remote, { host: listener?.host, port: listener?.port })
    assert.equal(statSync(at('pair/client.yaml')).mode & 0o777, 0o600)
    const checked = await gotcp('tunnel', 'check', at('pair/server.yaml'), at('pair/client.yaml'))
    assert.equal(checked.code, 0)
    assert.equal(checked.stderr, '')
  })

  it('writes what its comments offer in a way that check accepts', async () => {
    for (const role of ['server', 'client']) {
      const { stdout } = await gotcp('tunnel', 'init', role, '-o', '-')
      const offered = stdout
        .replaceAll(/^(\s*)# (.*[:}\]].*)$/gm, (line, indent: string, text: string) =>
          /^[a-z-]+:|^- \{/.test(text) ? `${indent}${text}` : line,
        )
        .replace(/^tls:.*$/m, '')
        .replaceAll(/^trust:.*$/gm, '')
        .replace(/^( *)- \{ name: dns/m, '$1- { name: dns')
      writeFileSync(at(`${role}-all.yaml`), offered, { mode: 0o600 })
      assert.notEqual(offered, stdout)
      const { code, stderr } = await gotcp('tunnel', 'check', at(`${role}-all.yaml`))
      assert.equal(code, 0, `${stderr}\n${offered}`)
    }
  })

  it('has a new password each time', async () => {
    const one = await gotcp('tunnel', 'init', 'client', '-o', '-')
    const other = await gotcp('tunnel', 'init', 'client', '-o', '-')
    assert.notEqual(one.stdout, other.stdout)
  })

  it('overwrites nothing, and then writes nothing', async () => {
    writeFileSync(at('client.yaml'), 'mine')
    const { code, stderr } = await gotcp('tunnel', 'init', '-o', folder)
    assert.deepEqual(
      [code, stderr],
      [2, `gotcp: ${at('client.yaml')} is there already; remove it, or name another place with -o\n`],
    )
    assert.equal(readFileSync(at('client.yaml'), 'utf8'), 'mine')
    assert.throws(() => statSync(at('server.yaml')))
  })
})

describe('gotcp tunnel check', () => {
  const text = `mode: server
listen: ["*:7000", { address: "127.0.0.1:7001", tls: false }]
users: [{ name: ada, password: hunter2, services: [web], rate: 100M }, { name: bob, password: hunter3 }]
allow: 10.0.0.0/8
services:
  - { name: web, type: tcp, connect: unix:/run/web.sock, pool: { count: 4 }, proxy-protocol: v2, max-streams: 1 }
  - { name: dns, type: udp, connect: "127.0.0.1:53" }
  - { name: any, type: proxy, allow: ["*.example.org:443"] }
control: /run/x.sock
state: /var/lib/gotcp
metrics: "0.0.0.0:9100"
`

  it('says in words what would run, and what deserves a second look', async () => {
    writeFileSync(at('s.yaml'), text, { mode: 0o600 })
    const { code, stdout, stderr } = await gotcp('tunnel', 'check', at('s.yaml'))
    assert.equal(code, 0)
    assert.equal(
      stdout,
      `${at('s.yaml')}: a server that
  listens  [::]:7000, TLS 1.3 with a certificate of its own, made at first start
           127.0.0.1:7001, in the clear
  takes    paths from 10.0.0.0/8 only
  lets in  ada: web; at most 100 Mbit/s
           bob: all services
  serves   web: TCP to /run/web.sock, 4 connections ready, PROXY protocol v2; at most 1 stream
           dns: UDP to 127.0.0.1:53
           any: TCP to what the client asks for of *.example.org:443
  sends    by aggregate; window 64.0 MiB; streams wait 2m 0s for a path
  logs     info and above to stderr
  keeps    its state in /var/lib/gotcp
  answers  commands at /run/x.sock
           Prometheus at http://0.0.0.0:9100/metrics
`,
    )
    assert.match(stderr, /^warning: .*s\.yaml:11:10: metrics: whoever reaches this address/)
  })

  it('says of a client how it reaches its server', async () => {
    writeFileSync(
      at('c.yaml'),
      `mode: client
user: ada
password: hunter2
paths:
  - { name: dsl, remote: "vpn.example.org:7000", local: 192.0.2.3 }
  - { name: lte, remote: "vpn.example.org:7000", interface: wwan0, role: backup, quota: 500M/day, rate: 5M }
  - { name: relay, remote: "vpn.example.org:7000", proxy: "http://u:hunter3@proxy:3128" }
services: [{ name: any, type: socks5, listen: "127.0.0.1:1080" }]
`,
    )
    const { code, stdout } = await gotcp('tunnel', 'check', at('c.yaml'))
    assert.equal(code, 0)
    assert.match(stdout, /paths {4}dsl: to vpn\.example\.org:7000, from 192\.0\.2\.3\n/)
    assert.match(stdout, /lte: to vpn\.example\.org:7000, by wwan0, backup, at most 5\.00 Mbit\/s, 500 MB a day\n/)
    assert.match(stdout, /relay: to vpn\.example\.org:7000, through http:\/\/u@proxy:3128\n/)
    assert.match(stdout, /any: SOCKS5 on 127\.0\.0\.1:1080, leads to the service any\n/)
  })

  it('prints every default for scripts, without secrets', async () => {
    writeFileSync(at('s.yaml'), text, { mode: 0o600 })
    const { code, stdout } = await gotcp('tunnel', 'check', '--json', at('s.yaml'))
    assert.equal(code, 0)
    assert.doesNotMatch(stdout, /hunter/)
    const record = JSON.parse(stdout)
    assert.deepEqual([record.v, record.event, record.mode, record.warnings.length], [1, 'config', 'server', 1])
    assert.equal(record.config.services[0].max_streams, 1)
    assert.equal(record.config.stream_window, 16 * 2 ** 20)
    assert.deepEqual(record.config.users[0].secret, { password: '(hidden)' })
  })

  it('names every mistake, and ends with 2', async () => {
    writeFileSync(at('bad.yaml'), 'mode: client\nuser: ada\npasword: x\npaths: []\nservices: []\n')
    const { code, stdout, stderr } = await gotcp('tunnel', 'check', at('bad.yaml'))
    assert.deepEqual([code, stdout], [2, ''])
    assert.equal(stderr, `gotcp: ${at('bad.yaml')}:3:1: unknown key "pasword"; did you mean "password"? (ERR_CONFIG)\n`)
    const json = await gotcp('tunnel', 'check', '--json', at('bad.yaml'))
    const [problem, error] = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual([problem.event, problem.line, problem.column, problem.key], ['problem', 3, 1, ''])
    assert.deepEqual([error.event, error.code, error.exit_code], ['error', 'ERR_CONFIG', 2])
  })

  it('reads stdin, and names it', async () => {
    const good = await gotcpReading(readFileSync(at('pair/server.yaml'), 'utf8'), 'tunnel', 'check', '-')
    assert.deepEqual([good.code, good.stderr], [0, ''])
    assert.match(good.stdout, /^stdin: a server that\n/)
    const bad = await gotcpReading('mode: relay', 'tunnel', 'check', '-')
    assert.deepEqual([bad.code, bad.stdout], [2, ''])
    assert.match(bad.stderr, /stdin:1:7: mode: found "relay"; expected server or client \(ERR_CONFIG\)/)
    const twice = await gotcpReading('mode: relay', 'tunnel', 'check', '-', '-')
    assert.deepEqual([twice.code, twice.stderr], [2, 'gotcp: stdin is there only once: give one -\n'])
  })

  it('reads no more of what is no configuration than a configuration may have', async () => {
    const text = `mode: ${'x'.repeat(1_048_576)}`
    writeFileSync(at('long.yaml'), text)
    writeFileSync(at('binary.yaml'), 'mode: \0')
    const tooLong = /has more than 1 MiB; is it a configuration at all\? \(ERR_CONFIG\)/
    for (const [outcome, message] of [
      [await gotcpReading(text, 'tunnel', 'check', '-'), tooLong],
      [await gotcp('tunnel', 'check', at('long.yaml')), tooLong],
      [await gotcp('tunnel', 'check', '/dev/zero'), tooLong],
      [await gotcpReading('mode: \0', 'tunnel', 'check', '-'), /stdin is no text in UTF-8/],
      [await gotcp('tunnel', 'check', at('binary.yaml')), /binary\.yaml is no text in UTF-8/],
      [await gotcp('tunnel', 'check', folder), /cannot be read: EISDIR/],
    ] as const) {
      assert.equal(outcome.code, 2)
      assert.match(outcome.stderr, message)
    }
  })

  it('says when there is no such file', async () => {
    const { code, stderr } = await gotcp('tunnel', 'check', at('none.yaml'))
    assert.deepEqual(
      [code, stderr],
      [2, `gotcp: ${at('none.yaml')} cannot be read: ENOENT: no such file or directory (ERR_CONFIG)\n`],
    )
  })
})

describe('gotcp tunnel', () => {
  it('alone says what it needs', async () => {
    const { code, stderr } = await gotcp('tunnel')
    assert.equal(code, 2)
    assert.match(stderr, /^gotcp: tunnel needs one of server, client, status/)
  })
})

describe('gotcp tunnel passwd', () => {
  it('turns the first line of stdin into what a user of a server may have', async () => {
    const { code, stdout } = await gotcpReading('hunter2\nmore\n', 'tunnel', 'passwd', '--iterations', '4096')
    assert.equal(code, 0)
    assert.match(stdout, /^SCRAM-SHA-256\$4096:\S+\n$/)
    const keys = parseScramKeys(stdout)
    assert.ok(keys !== undefined)
    const { storedKey, serverKey } = await deriveKeys('hunter2', keys.salt, 4096)
    assert.deepEqual([keys.storedKey, keys.serverKey], [storedKey, serverKey])
    writeFileSync(
      at('scram.yaml'),
      `mode: server\nlisten: "127.0.0.1:1"\nusers: [{ name: ada, scram: "${stdout.trim()}" }]\nservices: []\n`,
    )
    assert.equal((await gotcp('tunnel', 'check', at('scram.yaml'))).code, 0)
  })

  it('refuses an empty password, and too little work', async () => {
    const empty = await gotcpReading('', 'tunnel', 'passwd')
    assert.deepEqual([empty.code, empty.stdout], [2, ''])
    assert.match(empty.stderr, /the password is empty/)
    const easy = await gotcpReading('x\n', 'tunnel', 'passwd', '--iterations', '1000')
    assert.match(easy.stderr, /--iterations: "1000" is not a whole number from 4096 to 10000000/)
  })

  it('asks twice on a terminal, and shows nothing of it', async () => {
    const modes: boolean[] = []
    const terminal = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => modes.push(mode) })
    const said = gotcpOn(terminal, 'tunnel', 'passwd', '--iterations', '4096')
    terminal.write('hunterx\x7f2\r')
    await said.until(/again: /)
    terminal.write('wrong\x15hunter2\r')
    const { code, stdout, stderr } = await said.outcome
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stdout + stderr, /hunter/)
    assert.equal(stderr, 'password: \nagain: \n')
    assert.deepEqual(modes, [true, false, true, false])
    const keys = parseScramKeys(stdout)
    assert.deepEqual(keys?.storedKey, (await deriveKeys('hunter2', keys!.salt, 4096)).storedKey)
  })

  it('ends at Ctrl-C, and when the two differ', async () => {
    const terminal = () => Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined })
    const one = terminal()
    const interrupted = gotcpOn(one, 'tunnel', 'passwd')
    one.write('hun\x03')
    assert.equal((await interrupted.outcome).code, 130)
    const other = terminal()
    const different = gotcpOn(other, 'tunnel', 'passwd')
    other.write('a\r')
    await different.until(/again: /)
    other.write('b\r')
    assert.match((await different.outcome).stderr, /the two differ; try again/)
  })
})
