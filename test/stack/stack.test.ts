import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCidr } from '../../src/base/address.ts'
import type { ProbeEvent } from '../../src/base/probe.ts'
import { seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import type { EchoListener, EchoReply } from '../../src/icmp/echo.ts'
import { Ping } from '../../src/stack/ping.ts'
import { simulate } from '../../src/stack/simulate.ts'
import { Stack } from '../../src/stack/stack.ts'
import { bindUdp } from '../../src/stack/udp-bind.ts'
import { openUdp } from '../../src/stack/udp-socket.ts'
import { host, ip, pair } from './net.ts'
import { arp, PEER_MAC, packet, TestLink, udp } from './test-link.ts'

const ECHO = { ttl: 64, tos: 0, dontFragment: false }
const at = (n: number): Micros => n as Micros

/** Counts what comes back. */
function listener() {
  const seen = { replies: [] as { seq: number; length: number; ttl: number }[], errors: [] as number[] }
  const on: EchoListener = {
    onReply: (reply: EchoReply) => seen.replies.push({ seq: reply.seq, length: reply.end - reply.at, ttl: reply.ttl }),
    onError: (error) => seen.errors.push(error.dstPort),
  }
  return { seen, on }
}

describe('Stack', () => {
  for (const [what, options] of [
    ['Ethernet', {}],
    ['an IP-only medium', { medium: 'ip' }],
    ['a link with offloads', { offload: true }],
  ] as const) {
    it(`answers echoes of any size over ${what}, the first packet included`, () => {
      const { a, b } = pair(options)
      const { seen, on } = listener()
      const id = a.icmp.echoes.open(on)!
      simulate([a, b], at(5_000_000))
      const route = a.ip.route(ip('10.0.0.2'))!
      for (const [seq, length] of [0, 1, 56, 1472, 1473, 9000, 65507].entries()) {
        assert.equal(a.icmp.sendEcho(route, id, seq, new Uint8Array(length), ECHO, at(5_000_000)), undefined)
      }
      simulate([a, b], at(60_000_000))
      assert.deepEqual(
        seen.replies.map((reply) => reply.length),
        [0, 1, 56, 1472, 1473, 9000, 65507],
      )
      assert.deepEqual(seen.errors, [])
    })
  }

  it('reports EHOSTUNREACH after three unanswered requests', () => {
    const { a, b } = pair()
    const { seen, on } = listener()
    const id = a.icmp.echoes.open(on)!
    a.icmp.sendEcho(a.ip.route(ip('10.0.0.77'))!, id, 7, new Uint8Array(8), ECHO, at(0))
    assert.equal(simulate([a, b], at(60_000_000)), 3_000_000)
    assert.deepEqual(seen.errors, [7])
    assert.equal(a.counters.get('arp-unresolved'), 1)
  })
})

describe('Stack.close()', () => {
  it('closes its links and wants nothing more', () => {
    const link = new TestLink()
    const stack = host(link, '10.0.0.1/24')
    stack.close()
    stack.close()
    assert.ok(link.isClosed)
    assert.equal(stack.pollAt(), Number.POSITIVE_INFINITY)
    stack.poll(at(0))
    assert.deepEqual(link.sent, [])
  })
})

describe('Stack.onWork', () => {
  it('is called for whatever needs a poll', async () => {
    const { a } = pair()
    let calls = 0
    a.onWork = () => calls++
    const socket = openUdp(a)
    for (const act of [
      () => socket.send(new Uint8Array(1), '10.0.0.2', 9),
      () => socket.join('239.0.0.1'),
      () => new Ping(a, '10.0.0.2').stop,
      () => a.setInterfaceUp(a.interfaces[1]!, false),
    ]) {
      const before = calls
      await act()
      assert.ok(calls > before, String(act))
    }
  })

  it('is called when a frame arrives', () => {
    const { a, b } = pair()
    let calls = 0
    b.onWork = () => calls++
    a.poll(at(0))
    assert.equal(calls, 1)
  })
})

describe('Stack.onWork, in the middle of a poll', () => {
  /** A stack that has a datagram to take in; `act` is what its program does then. How often it asked for a poll. */
  function asked(act: (stack: Stack) => void): { calls: number; stack: Stack; link: TestLink } {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    const { endpoint } = bindUdp(stack, { port: 7 })
    endpoint.onReadable = () => act(stack)
    stack.poll(at(0))
    link.feed(
      packet(
        { protocol: 17, src: ip('10.0.0.2'), dst: ip('10.0.0.1') },
        udp(ip('10.0.0.2'), 9, ip('10.0.0.1'), 7, Uint8Array.of(1)),
      ),
    )
    let calls = 0
    stack.onWork = () => calls++
    stack.poll(at(1))
    return { calls, stack, link }
  }

  it('is not called for what the same poll does', () => {
    const answers = asked((stack) => {
      openUdp(stack).send(Uint8Array.of(2), '10.0.0.2', 9)
      stack.work()
    })
    assert.equal(answers.calls, 0)
    assert.equal(answers.link.sent.length, 1)
    assert.equal(answers.stack.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('is called for its end', () => {
    const { calls, stack } = asked((stack) => stack.close())
    assert.ok(calls > 0)
    assert.ok(stack.isClosed)
  })

  it('is called again afterwards, whatever a link throws', () => {
    const link = new TestLink()
    const stack = host(link, '10.0.0.1/24')
    link.receive = () => {
      throw new Error('broken')
    }
    assert.throws(() => stack.poll(at(0)), /broken/)
    let calls = 0
    stack.onWork = () => calls++
    stack.work()
    assert.equal(calls, 1)
  })
})

describe('Stack.probe', () => {
  it('hears of drops and conflicts', () => {
    const events: ProbeEvent[] = []
    const link = new TestLink()
    const stack = new Stack({ rng: seededRng(1), hostname: 'h', probe: (event) => events.push(event) })
    stack.addInterface(link, { addresses: [parseCidr('10.0.0.1/24')!] })
    link.feed(Uint8Array.of(1, 2, 3))
    link.feed(arp({ operation: 1, senderMac: PEER_MAC, senderIp: ip('10.0.0.1') }))
    stack.poll(at(7))
    assert.deepEqual(
      events.map((event) => [event.t_us, event['node'], event.ev, event['why'] ?? event['mac']]),
      [
        [7, 'h', 'drop', 'ethernet-truncated'],
        [7, 'h', 'conflict', '02:00:00:00:00:02'],
        [7, 'h', 'drop', 'arp-own-address'],
      ],
    )
  })
})
