import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type ClientChanges,
  diffConfig,
  type ListChanges,
  type ServerChanges,
} from '../../../src/tunnel/config/diff.ts'
import { client, read, readClient, readServer, server } from './read.ts'

const ofServers = (before: string, after: string): ServerChanges =>
  diffConfig(read(before), read(after)) as ServerChanges
const ofClients = (before: string, after: string): ClientChanges =>
  diffConfig(read(before), read(after)) as ClientChanges

const names = ({ added, removed, changed }: ListChanges<{ readonly name: string }>) => ({
  added: added.map(({ name }) => name),
  removed: removed.map(({ name }) => name),
  changed: changed.map(({ before, after }) => [before.name, after.name]),
})

describe('diffConfig()', () => {
  it('finds nothing between a file and itself, comments and order of keys apart', () => {
    assert.ok(diffConfig(readServer(''), readServer('# a word')).isEmpty)
    const turned = client().replace('name: web, type: tcp', 'type: tcp, name: web')
    assert.ok(ofClients(client(), turned).isEmpty)
  })

  it('finds services that came, went and changed', () => {
    const old =
      '  - { name: gone, type: udp, connect: "127.0.0.1:53" }\n  - { name: a, type: udp, connect: "127.0.0.1:1" }'
    const next = '  - { name: a, type: udp, connect: "127.0.0.1:2" }\n  - { name: new, type: proxy, allow: ["*:443"] }'
    const changes = ofServers(server(old), server(next))
    assert.deepEqual(names(changes.services), { added: ['new'], removed: ['gone'], changed: [['a', 'a']] })
    assert.deepEqual([changes.settings, changes.restart, changes.isEmpty], [[], [], false])
  })

  it('finds users and listeners of a server', () => {
    const next = server().replace('secret }', 'other }, { name: bob, password: b }').replace(':7000', ':7001')
    const changes = ofServers(server(), next)
    assert.deepEqual(names(changes.users), { added: ['bob'], removed: [], changed: [['ada', 'ada']] })
    assert.deepEqual(
      [changes.listeners.added, changes.listeners.removed].map((list) => list.map(({ port }) => port)),
      [[7001], [7000]],
    )
    assert.equal(ofServers(server(), server('tls: false')).listeners.changed.length, 1)
  })

  it('finds paths of a client, each of several connections by itself', () => {
    const next = client().replace('remote:', 'name: dsl, connections: 2, remote:')
    const { paths } = ofClients(client().replace('remote:', 'name: dsl-1, weight: 0.5, remote:'), next)
    assert.deepEqual(names(paths), { added: ['dsl-2'], removed: [], changed: [] })
  })

  it('tells what takes effect at once from what needs a restart', () => {
    const changes = ofServers(
      server(),
      server('log: debug\nscheduler: backup\nallow: 10.0.0.0/8\nstate: /x\nwindow: 8M'),
    )
    assert.deepEqual(changes.settings.toSorted(), ['allow', 'log', 'scheduler'])
    assert.deepEqual(changes.restart.toSorted(), ['state', 'streamWindow', 'window'])
    assert.deepEqual(ofClients(client(), client().replace('secret', 'other')).restart, ['password'])
    const turned = diffConfig(readServer(''), readClient(''))
    assert.deepEqual([turned.restart, turned.isEmpty], [['mode'], false])
  })
})
