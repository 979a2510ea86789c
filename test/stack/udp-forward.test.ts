import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UdpFlow, UdpForwardOptions } from '../../src/stack/udp-forward.ts'
import { anyAddressWorld } from './any-address.ts'

function world(options?: UdpForwardOptions) {
  const all = anyAddressWorld()
  const flows: UdpFlow[] = []
  const forward = all.stack.udp.forward((flow) => void flows.push(flow), options)
  return { ...all, flows, forward }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array | null): string | null => data && new TextDecoder().decode(data)

describe('udp.forward()', () => {
  it('gives one flow for each pair of ends, and carries both ways', async () => {
    const { client, flows, forward, run, pass } = world()
    const one = client.udp.open({ port: 1111 })
    const other = client.udp.open({ port: 2222 })
    await one.send(bytes('a'), '8.8.8.8', 53)
    await one.send(bytes('b'), '8.8.8.8', 53)
    await one.send(bytes('c'), '8.8.4.4', 53)
    await other.send(bytes('d'), '8.8.8.8', 53)
    await pass(10)
    assert.deepEqual(
      flows.map(({ localAddress, localPort, remoteAddress, remotePort }) =>
        [remoteAddress, remotePort, localAddress, localPort].join(' '),
      ),
      ['10.0.0.1 1111 8.8.8.8 53', '10.0.0.1 1111 8.8.4.4 53', '10.0.0.1 2222 8.8.8.8 53'],
    )
    const [flow] = flows
    assert.equal(text(await flow!.receive()), 'a')
    assert.equal(text(await flow!.receive()), 'b')
    await flow!.send(bytes('answer'))
    const { data, address, port } = await run(one.receive())
    assert.deepEqual([text(data), address, port], ['answer', '8.8.8.8', 53])
    assert.equal(forward.size, 3)
    assert.deepEqual(forward.stats, { flows: 3, expired: 0, evicted: 0 })
  })

  it('leaves to sockets what is theirs', async () => {
    const { client, stack, flows, run } = world()
    const bound = stack.udp.open({ port: 53 })
    await client.udp.open().send(bytes('x'), '8.8.8.8', 53)
    assert.equal((await run(bound.receive())).destination, '8.8.8.8')
    assert.equal(flows.length, 0)
  })

  it('does not stand in the way of sockets', async () => {
    const { client, stack, pass, flows } = world()
    await client.udp.open().send(bytes('x'), '8.8.8.8', 53)
    await pass(10)
    assert.equal(flows.length, 1)
    assert.equal(stack.udp.open({ port: 53 }).localPort, 53)
  })

  it('ends a flow that was silent for its time, whichever way something passed last', async () => {
    const { client, flows, forward, pass } = world({ idleTimeout: 1000 })
    const socket = client.udp.open()
    await socket.send(bytes('x'), '8.8.8.8', 53)
    await pass(900)
    await flows[0]!.send(bytes('y'))
    await pass(900)
    await socket.send(bytes('z'), '8.8.8.8', 53)
    await pass(900)
    assert.equal(flows[0]!.isClosed, false)
    const ended = flows[0]!.signal
    await pass(200)
    assert.equal(ended.aborted, true)
    assert.equal(text(await flows[0]!.receive()), 'x')
    assert.equal(text(await flows[0]!.receive()), 'z')
    assert.equal(await flows[0]!.receive(), null)
    await assert.rejects(flows[0]!.send(bytes('late')), { code: 'ERR_CLOSED' })
    assert.deepEqual(forward.stats, { flows: 1, expired: 1, evicted: 0 })
    await socket.send(bytes('again'), '8.8.8.8', 53)
    await pass(10)
    assert.equal(flows.length, 2)
  })

  it('lets the flow that was silent the longest give way when there are too many', async () => {
    const { client, flows, forward, pass } = world({ flows: 3 })
    const socket = client.udp.open()
    for (const last of [1, 2, 3, 1, 4]) {
      await socket.send(Uint8Array.of(last), `8.8.8.${last}`, 53)
      await pass(1)
    }
    await pass(10)
    assert.deepEqual(
      flows.map((flow) => [flow.localAddress, flow.isClosed]),
      [
        ['8.8.8.1', false],
        ['8.8.8.2', true],
        ['8.8.8.3', false],
        ['8.8.8.4', false],
      ],
    )
    assert.equal(forward.size, 3)
    assert.equal(forward.stats.evicted, 1)
  })

  it('holds no more of them than its bound when thousands come at once', async () => {
    const { client, flows, forward, pass } = world({ flows: 50 })
    const socket = client.udp.open({ sendBuffer: 1 << 24 })
    for (let i = 0; i < 5000; i++) await socket.send(Uint8Array.of(1), `20.0.${i >> 8}.${i & 255}`, 9)
    await pass(100)
    assert.equal(forward.size, 50)
    assert.equal(forward.stats.flows, 5000)
    assert.equal(flows.filter((flow) => !flow.isClosed).length, 50)
  })

  it('keeps a bounded queue for each', async () => {
    const { client, stack, flows, pass } = world({ receiveBuffer: 1000 })
    const socket = client.udp.open()
    for (let i = 0; i < 5; i++) await socket.send(new Uint8Array(300), '8.8.8.8', 53)
    await pass(10)
    assert.equal(flows[0]!.dropped, 3)
    assert.equal(stack.stack.counters.get('udp-buffer-full'), 3)
  })

  it('says by ICMP that nobody serves the port, when it is rejected', async () => {
    const { client, flows, run, pass } = world()
    const socket = client.udp.open()
    socket.connect('8.8.8.8', 53)
    await socket.send(bytes('x'))
    await pass(10)
    flows[0]!.reject()
    await assert.rejects(run(socket.receive()), { code: 'ECONNREFUSED' })
    assert.equal(flows[0]!.isClosed, true)
  })

  it('ends every flow when it is closed; another may follow', async () => {
    const { client, stack, flows, forward, pass } = world()
    await client.udp.open().send(bytes('x'), '8.8.8.8', 53)
    await pass(10)
    assert.throws(() => stack.udp.forward(() => undefined), { code: 'EADDRINUSE' })
    forward.close()
    assert.equal(flows[0]!.isClosed, true)
    stack.udp.forward(() => undefined).close()
  })
})
