import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseConfig } from '../../../src/tunnel/config/parse.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-examples-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const ENV = { TELEMETRY_PASSWORD: 'correct horse battery', PROXY_PASSWORD: 'y' }

describe('app/tunnel', () => {
  const names = readdirSync('app/tunnel').filter((name) => name.endsWith('.yaml'))
  const read = (name: string) =>
    parseConfig(readFileSync(join('app/tunnel', name), 'utf8'), { file: join(folder, name), env: ENV, isRoot: false })

  it('has only files that are right, and that nothing must be said against', () => {
    writeFileSync(join(folder, 'password'), 'correct horse battery\n', { mode: 0o600 })
    assert.ok(names.length >= 5)
    for (const name of names) {
      const config = read(name)
      assert.deepEqual(config.warnings, [], name)
      assert.ok(name.endsWith(`-${config.mode}.yaml`), name)
    }
  })

  it('has ends that belong together', () => {
    for (const [clientName, serverName] of [
      ['limited-client.yaml', 'uplinks-server.yaml'],
      ['uplinks-client.yaml', 'uplinks-server.yaml'],
      ['telemetry-client.yaml', 'telemetry-server.yaml'],
    ] as const) {
      const [client, server] = [read(clientName), read(serverName)]
      assert.ok(client.mode === 'client' && server.mode === 'server')
      assert.equal(client.user, server.users[0]?.name)
      const ports = server.listeners.map(({ port }) => port)
      for (const path of client.paths) assert.ok(ports.includes(path.remote.port), `${clientName}: ${path.name}`)
      const there = server.services.map(({ name }) => name)
      for (const { service } of client.services) assert.ok(there.includes(service), `${clientName}: ${service}`)
    }
  })
})

describe('gotcp-tunnel@.service', () => {
  const isHere = spawnSync('systemd-analyze', ['--version']).error === undefined
  const skip = isHere ? false : 'systemd-analyze is missing: sudo apt-get install systemd'

  it('is a unit that systemd finds nothing wrong with', { skip }, () => {
    const unit = readFileSync('app/tunnel/gotcp-tunnel@.service', 'utf8').replaceAll(
      '/usr/local/bin/gotcp',
      process.execPath,
    )
    const file = join(folder, 'gotcp-tunnel@server.service')
    writeFileSync(file, unit)
    const { stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
    const complaints = stderr.split('\n').filter((line) => line.includes('gotcp-tunnel'))
    assert.deepEqual([complaints, status === 0 || complaints.length === 0], [[], true], stderr)
  })
})
