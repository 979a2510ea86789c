import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Micros } from '../../src/base/types.ts'
import type { EchoListener, EchoReply } from '../../src/icmp/echo.ts'
import { simulate } from '../../src/stack/simulate.ts'
import { ip, pair } from './net.ts'

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
