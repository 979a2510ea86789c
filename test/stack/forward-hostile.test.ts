import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Ipv4Addr } from '../../src/base/address.ts'
import { below, type Rng, seededRng } from '../../src/base/rng.ts'
import { fromMs, type Micros } from '../../src/base/types.ts'
import { Host } from '../../src/stack/host.ts'
import type { TcpForwardRequest } from '../../src/stack/tcp-forward.ts'
import { ip } from './net.ts'
import { packet, TestLink } from './test-link.ts'

const PACKETS = 60_000
const PENDING = 50
const FLOWS = 40

/** Any segment or datagram: flags, options and lengths as chance has it, ends out of a few. */
function anything(rng: Rng): Uint8Array {
  const isTcp = below(rng, 3) > 0
  const payload = new Uint8Array((isTcp ? 20 : 8) + below(rng, 60))
  for (let i = 0; i < payload.length; i++) payload[i] = below(rng, 256)
  const view = new DataView(payload.buffer)
  view.setUint16(0, below(rng, 40))
  view.setUint16(2, 1 + below(rng, 3))
  if (isTcp) {
    // Half of them are SYNs, mostly of one number, so that attempts are repeated, abandoned and answered.
    if (below(rng, 2) > 0) payload[13] = 2
    view.setUint32(4, below(rng, 4) > 0 ? 1000 + below(rng, 2) : rng())
    if (below(rng, 3) > 0) payload[12] = (5 + below(rng, Math.floor((payload.length - 20) / 4) + 1)) << 4
  } else view.setUint16(4, payload.length)
  const dst = (ip('20.0.0.0') + below(rng, 4)) as Ipv4Addr
  return packet({ src: ip('10.0.0.1'), dst, protocol: isTcp ? 6 : 17 }, payload)
}

/** Does one of the things that a handler may do, now or later. */
function decide(request: TcpForwardRequest, rng: Rng): void {
  const choice = below(rng, 6)
  if (choice === 0) request.reject('reset')
  else if (choice === 1) request.reject('unreachable')
  else if (choice === 2) request.reject('ignore')
  else if (choice < 5)
    request
      .accept()
      .then((socket) => socket.abort())
      .catch(() => undefined)
}

describe('forwarding under hostile input', () => {
  it('holds no more than its bounds, whatever comes and whatever is decided, and nothing in the end', async () => {
    const rng = seededRng(7)
    const link = new TestLink('ip')
    const host = new Host({ rng: seededRng(8) })
    host.addInterface(link, { address: '10.0.0.2/24', anyAddress: true })
    const waiting: TcpForwardRequest[] = []
    const tcp = host.tcp.forward((request) => void waiting.push(request), { pending: PENDING, timeout: 500 })
    const limits = { flows: FLOWS, idleTimeout: 300, receiveBuffer: 500 }
    const udp = host.udp.forward((flow) => (below(rng, 4) > 0 ? undefined : flow.reject()), limits)
    let now = 0
    for (let i = 0; i < PACKETS; i++) {
      link.feed(anything(rng), 'verified')
      // Now and then nothing comes for a while.
      now += i % 5000 === 0 ? 1_000_000 : below(rng, 2000)
      host.stack.poll(now as Micros)
      link.take()
      if (below(rng, 3) > 0 && waiting.length > 0) decide(waiting.splice(below(rng, waiting.length), 1)[0]!, rng)
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(tcp.pending <= PENDING && udp.size <= FLOWS, `${tcp.pending} ${udp.size}`)
    }
    const { requests, refused, expired, abandoned, overflows } = tcp.stats
    for (const count of [requests, refused, expired, abandoned, overflows])
      assert.ok(count > 0, JSON.stringify(tcp.stats))
    assert.ok(udp.stats.evicted > 0 && udp.stats.expired > 0, JSON.stringify(udp.stats))
    const end = now + fromMs(600_000)
    for (; now < end; now = Math.max(now + 1000, Math.min(host.stack.pollAt(), end))) host.stack.poll(now as Micros)
    assert.equal(tcp.pending, 0)
    assert.equal(udp.size, 0)
    assert.equal(host.machine.size, 0)
  })
})
