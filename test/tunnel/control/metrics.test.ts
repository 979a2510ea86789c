import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { askDaemon } from '../../../src/tunnel/control/control-client.ts'
import { connected, DaemonPair, exchange, until } from '../daemon-pair.ts'

/** The figures of a scrape by name and labels, as they stand. */
async function scrape(address: string): Promise<Map<string, number>> {
  const response = await fetch(`http://${address}/metrics`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

describe('metrics of a daemon', () => {
  let pair: DaemonPair
  before(async () => {
    pair = await DaemonPair.open({ server: 'metrics: 127.0.0.1:0', client: 'metrics: 127.0.0.1:0' })
  })
  after(() => pair.close())
  const addressOf = (who: 'server' | 'client'): string => pair[who].daemon.status().metrics!

  it('tell of sessions, paths and services on both sides', async () => {
    const socket = await connected(pair.client.portOf('web'))
    assert.equal(await exchange(socket, 'x'.repeat(100_000)), 'x'.repeat(100_000))
    const there = await scrape(addressOf('client'))
    assert.equal(there.get('gotcp_tunnel_info{name="client",mode="client",scheduler="aggregate"}'), 1)
    assert.equal(there.get('gotcp_tunnel_paths{user="ada",role="primary",state="up"}'), 2)
    assert.equal(there.get('gotcp_tunnel_path_up{path="one",role="primary",state="up"}'), 1)
    assert.equal(there.get('gotcp_tunnel_open_streams{user="ada"}'), 1)
    assert.equal(there.get('gotcp_tunnel_service_bytes_total{service="web",direction="back"}'), 100_000)
    const sent = ['one', 'two'].map((path) => there.get(`gotcp_tunnel_path_sent_bytes_total{path="${path}"}`)!)
    assert.ok(sent[0]! + sent[1]! > 100_000)
    assert.equal(there.get('gotcp_tunnel_sent_bytes_total{user="ada"}'), sent[0]! + sent[1]!)
    assert.ok(there.get('process_cpu_seconds_total')! > 0)

    const here = await scrape(addressOf('server'))
    assert.equal(here.get('gotcp_tunnel_sessions{user="ada",state="up"}'), 1)
    assert.equal(here.get('gotcp_tunnel_handshakes_total{result="admitted"}'), 2)
    assert.equal(here.get('gotcp_tunnel_connections_total{result="accepted"}'), 2)
    assert.ok(here.get('gotcp_tunnel_received_bytes_total{user="ada"}')! > 100_000)
    assert.ok(here.get('gotcp_tunnel_window_budget_bytes')! > 0)
    socket.end()
    await until(() => pair.server.daemon.status().services[0]!.open === 0)
    const later = await scrape(addressOf('server'))
    assert.equal(later.get('gotcp_tunnel_service_streams_total{service="web",outcome="completed"}'), 1)
  })

  it('never count down, whatever comes and goes', async () => {
    const key = 'gotcp_tunnel_received_bytes_total{user="ada"}'
    const before = (await scrape(addressOf('server'))).get(key)!
    await pair.client.daemon.stop(0)
    await until(() => pair.server.daemon.status().sessions.length === 0)
    assert.ok((await scrape(addressOf('server'))).get(key)! >= before)
    pair.client = await pair.subject('client.yaml', pair.clientText('metrics: 127.0.0.1:0')).start()
    await until(() => pair.client.daemon.health().paths_up === 2)
    assert.ok((await scrape(addressOf('server'))).get(key)! > before)
  })

  it('have a health beside them, and nothing else', async () => {
    const health = await fetch(`http://${addressOf('client')}/health`)
    assert.equal(health.status, 200)
    assert.deepEqual(await health.json(), { status: 'up', paths_up: 2 })
    assert.equal((await fetch(`http://${addressOf('client')}/`)).status, 404)
    assert.equal((await fetch(`http://${addressOf('client')}/metrics`, { method: 'POST' })).status, 405)
    for (const name of ['one', 'two'])
      await askDaemon(join(pair.folder, 'client.sock'), { command: 'paths-remove', name })
    await until(() => pair.client.daemon.health().paths_up === 0)
    const ill = await fetch(`http://${addressOf('client')}/health`)
    assert.equal(ill.status, 503)
    assert.equal((await fetch(`http://${addressOf('server')}/health`)).status, 200)
  })

  it('move when the file says so, and are tried again when they could not', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    pair.server.text = pair.serverText(`metrics: 127.0.0.1:${port}`)
    const [change] = (await pair.server.daemon.reload()).changes
    assert.equal(change!.change, 'failed')
    assert.match(change!.why!, /something listens there already/)
    await new Promise((resolve) => taken.close(resolve))
    assert.equal((await pair.server.daemon.reload()).changes[0]!.change, 'changed')
    assert.equal(addressOf('server'), `127.0.0.1:${port}`)
    assert.ok((await scrape(addressOf('server'))).size > 20)
  })
})
