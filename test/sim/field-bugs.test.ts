import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs, type Micros } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import type { OutFrame } from '../../src/link/link.ts'
import { LinkWrapper } from '../../src/link/wrapper.ts'
import { Host } from '../../src/stack/host.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { TcpFlag } from '../../src/wire/tcp.ts'
import { passive } from '../tcp/established.ts'
import { Pair, transfer } from './pair.ts'

// What stacks in the field got wrong, each as it was reported.

const MIB = 1024 * 1024
const MINUTE = 60_000
/** The amount for the test of memory; 1024 for the full check. */
const AMOUNT = Number(process.env['GOTCP_TEST_MIB'] ?? 128) * MIB
/** Where the flags of a TCP header stand behind those of Ethernet and IPv4. */
const FLAGS_AT = 14 + 20 + 13

/** A link that swallows what it is told to. */
class Gate extends LinkWrapper {
  swallows: (frame: OutFrame) => boolean = () => false
  swallowed = 0

  override send(frame: OutFrame, now: Micros): boolean {
    if (!this.swallows(frame)) return this.inner.send(frame, now)
    this.swallowed++
    return true
  }
}

const isFin = (frame: OutFrame): boolean =>
  frame.end - frame.start > FLAGS_AT && (frame.bytes[frame.start + FLAGS_AT]! & TcpFlag.FIN) !== 0

/** Two hosts on a cable of 1 ms; what the first sends passes a gate. */
function world(offload = false) {
  const cable = new Cable({ delay: fromMs(1), offload })
  const gate = new Gate(cable.a)
  const a = new Host({ rng: seededRng(1) })
  const b = new Host({ rng: seededRng(2) })
  a.addInterface(gate, { address: '10.0.0.1/24' })
  b.addInterface(cable.b, { address: '10.0.0.2/24' })
  const simulation = new Simulation([a.stack, b.stack])
  /** Runs until the promise settles, for `minutes` at most. */
  const run = <T>(promise: Promise<T>, minutes = 60): Promise<T> =>
    simulation.runUntilSettled(promise, fromMs(simulation.now / 1000 + minutes * MINUTE))
  const connect = async (options = {}): Promise<[TcpSocket, TcpSocket]> => {
    const listener = b.tcp.listen({ port: 80 })
    return run(Promise.all([a.tcp.connect({ host: '10.0.0.2', port: 80, ...options }), listener.accept()]))
  }
  return { a, b, gate, simulation, run, connect }
}

async function count(socket: TcpSocket): Promise<number> {
  let total = 0
  for await (const chunk of socket) total += chunk.length
  return total
}

/** A full send queue before a closed window, and then a close. */
async function stuck() {
  const net = world()
  const [client, server] = await net.connect({ sendBuffer: MIB })
  const writing = client.write(new Uint8Array(8 * MIB)).catch(() => undefined)
  net.simulation.run(fromMs(10_000))
  assert.equal(client.info().snd_wnd, 0)
  assert.ok(client.info().send_q >= 100_000)
  const closing = client.close()
  return { ...net, client, server, writing, closing }
}

describe('close with a full send queue and a closed window', () => {
  it('sends all that was written once the peer reads, and ends', async () => {
    const { client, server, closing, run, simulation } = await stuck()
    simulation.run(fromMs(5 * MINUTE))
    const total = await run(count(server))
    server.end()
    assert.equal(total, 8 * MIB)
    await run(closing)
    assert.equal(client.info().state, 'TIME-WAIT')
  })

  it('ends when the peer is gone', async () => {
    const { client, closing, gate, run, a } = await stuck()
    gate.swallows = () => true
    await run(closing)
    await assert.rejects(client.closed, { code: 'EHOSTUNREACH' })
    assert.equal(a.machine.size, 0)
  })

  it('ends when the peer answers for ever and never reads: nobody here waits for it any more', async () => {
    const { client, server, closing, run, a } = await stuck()
    await run(closing)
    await assert.rejects(client.closed, { code: 'ETIMEDOUT' })
    await assert.rejects(run(server.closed), { code: 'ECONNRESET' })
    assert.equal(a.machine.size, 0)
  })
})

describe('a lost FIN', () => {
  it('is sent again, and both sides end', async () => {
    const { gate, connect, run } = world()
    const [client, server] = await connect()
    gate.swallows = (frame) => isFin(frame) && gate.swallowed < 3
    await client.write('the end')
    const closing = client.close()
    assert.equal(await run(count(server)), 7)
    server.end()
    await run(Promise.all([closing, server.closed]))
    assert.equal(gate.swallowed, 3)
  })
})

describe('resolving a neighbour', () => {
  it('does not lose the packet that asked for it', async () => {
    const { connect, simulation } = world()
    const [client] = await connect()
    assert.ok(simulation.now < fromMs(100), `${simulation.now} µs`)
    assert.equal(client.info().retrans, 0)
    assert.equal(client.info().timeouts, 0)
  })

  it('does not hold up others when there is none', async () => {
    const { a, b, run, simulation } = world()
    b.tcp.listen({ port: 80 })
    const absent = a.tcp.connect({ host: '10.0.0.99', port: 80 })
    absent.catch(() => undefined)
    simulation.run(fromMs(5))
    const began = simulation.now
    for (let i = 0; i < 10; i++) await run(a.tcp.connect({ host: '10.0.0.2', port: 80 }))
    assert.ok(simulation.now - began < fromMs(50), `${simulation.now - began} µs`)
    await assert.rejects(run(absent), { code: 'EHOSTUNREACH' })
  })
})

describe('a window of a gibibyte', () => {
  it('does not overflow, wherever the sequence numbers stand (RFC 7323 §2.2, §2.3)', () => {
    for (const wscale of [14, 200]) {
      const peer = passive({ syn: `mss 1460,sackOK,wscale ${wscale}`, peerIss: 0x7fff_ff00 })
      peer.send('. 1:1(0) ack 1 win 65535')
      assert.equal(peer.tcb.snd.wnd, 65_535 * 2 ** 14)
      peer.write(10_000)
      let end = 1
      for (const { seq, length } of peer.take()) {
        assert.equal(seq, end)
        end += length
      }
      assert.equal(end, 10_001)
      peer.send('. 1:1(0) ack 10001 win 65535')
      assert.equal(peer.tcb.snd.una, peer.tcb.snd.nxt)
    }
  })

  it('can be ours', async () => {
    const { a, b, run } = world(true)
    const listener = b.tcp.listen({ port: 80, receiveBuffer: 2 ** 30 })
    const [client, server] = await run(Promise.all([a.tcp.connect({ host: '10.0.0.2', port: 80 }), listener.accept()]))
    assert.deepEqual(server.info().wscale[1], 14)
    const writing = client.write(new Uint8Array(32 * MIB)).then(() => client.end())
    assert.equal(await run(count(server)), 32 * MIB)
    await writing
  })
})

describe('one packet in fifty that comes late', () => {
  it('leaves every byte in its place', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = new Pair({ seed, fault: { reorder: 0.02, delay: fromMs(5), receive: { reorder: 0.02 } } })
      const { sink } = transfer(pair, 2 * MIB, 600_000)
      assert.deepEqual([sink?.received, sink?.firstWrong], [2 * MIB, undefined], `seed ${seed}`)
      pair.close()
    }
  })
})

describe('connecting to a closed port', () => {
  it('is refused after one round trip', async () => {
    const { a, run, simulation } = world()
    await assert.rejects(run(a.tcp.connect({ host: '10.0.0.2', port: 81 })), { code: 'ECONNREFUSED' })
    assert.ok(simulation.now < fromMs(20), `${simulation.now} µs`)
  })
})

describe('memory', () => {
  it('is the same before and after much was sent', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    // What a collection frees outside the heap is given back some turns of the event loop later.
    const used = async (): Promise<number> => {
      let least = Number.POSITIVE_INFINITY
      for (let turn = 0; turn < 10; turn++) {
        collect()
        await setImmediate()
        const { heapUsed, arrayBuffers } = process.memoryUsage()
        least = Math.min(least, heapUsed + arrayBuffers)
      }
      return least
    }
    const { connect, run } = world(true)
    const [client, server] = await connect()
    const chunk = new Uint8Array(4 * MIB)
    const reading = count(server)
    for (let sent = 0; sent < 16 * MIB; sent += chunk.length) await run(client.write(chunk))
    const before = await used()
    for (let sent = 0; sent < AMOUNT; sent += chunk.length) await run(client.write(chunk))
    const growth = (await used()) - before
    assert.ok(growth < 8 * MIB, `${growth} bytes more after ${AMOUNT}`)
    client.end()
    assert.equal(await run(reading), 16 * MIB + AMOUNT)
  })
})
