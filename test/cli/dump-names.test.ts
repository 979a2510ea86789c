import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { localNames } from '../../src/cli/dump/names.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-names-'))

describe('localNames', () => {
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('reads hosts and services, the first name of each', () => {
    const hosts = join(folder, 'hosts')
    const services = join(folder, 'services')
    writeFileSync(hosts, '# comment\n10.0.0.2\tnode1 alias # more\n\n10.0.0.2 again\nfe80::1 six\n')
    writeFileSync(services, 'http 80/tcp www\nhttp-alt 80/tcp\ndomain 53/udp\n')
    const names = localNames(hosts, services)
    assert.deepEqual(['10.0.0.2', 'fe80::1', '10.0.0.9'].map(names.hostName), ['node1', 'six', '10.0.0.9'])
    assert.deepEqual(
      [names.portName(80, 'tcp'), names.portName(80, 'udp'), names.portName(53, 'udp')],
      ['http', '80', 'domain'],
    )
  })

  it('gives numbers where there are no files', () => {
    const names = localNames(join(folder, 'none'), join(folder, 'none'))
    assert.deepEqual([names.hostName('10.0.0.2'), names.portName(80, 'tcp')], ['10.0.0.2', '80'])
  })
})
