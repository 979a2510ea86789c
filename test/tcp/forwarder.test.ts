import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import type { TcpForwarder, TcpForwardLimits, TcpRequest } from '../../src/tcp/passive/forwarder.ts'
import { resolveTcpOptions, type TcpOptionsInit } from '../../src/tcp/settings.ts'
import { Peer } from './peer.ts'

/** A peer whose SYNs are put before the test. */
class Asking extends Peer {
  readonly forwarder: TcpForwarder
  readonly requests: TcpRequest[] = []

  constructor(limits: Partial<TcpForwardLimits> = {}) {
    super()
    this.forwarder = this.tcp.forward({ pending: 10, timeout: fromMs(60_000), ...limits })
    this.forwarder.onRequest = (request) => this.requests.push(request)
  }

  override accept(options: TcpOptionsInit = {}) {
    const tcb = this.forwarder.accept(this.requests.at(-1)!, resolveTcpOptions({ congestion: 'newreno', ...options }))
    this.attach(tcb)
    this.settle()
    return tcb
  }

  refuse(how: 'reset' | 'ignore'): void {
    this.forwarder.refuse(this.requests.at(-1)!, how)
    this.settle()
  }
}

describe('TcpForwarder', () => {
  it('is silent until the request is decided, then answers as LISTEN does (RFC 9293 §3.10.7.2)', () => {
    const peer = new Asking()
    peer.send('S 0:0(0) win 1000 <mss 1000,sackOK,TS val 5 ecr 0,wscale 1>')
    peer.expectNothing()
    peer.accept()
    peer.expect('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS ecr 5,wscale 7>')
    peer.send('. 1:1(0) ack 1 win 1000 <TS val 6 ecr 0>')
    assert.deepEqual(peer.told, ['established'])
    assert.deepEqual(peer.states, ['SYN-RECEIVED', 'ESTABLISHED'])
    peer.send('P. 1:101(100) ack 1 win 1000 <TS val 7 ecr 0>')
    assert.equal(peer.received, 100)
    assert.equal(peer.forwarder.stats.accepted, 1)
  })

  it('answers the latest of the SYNs that came again, one for each with the connection that it made', () => {
    const peer = new Asking()
    peer.send('S 0:0(0) <mss 1000,TS val 5 ecr 0>', 'S 0:0(0) <mss 1000,TS val 9 ecr 0>')
    assert.equal(peer.requests.length, 1)
    assert.equal(peer.forwarder.stats.repeats, 1)
    peer.accept()
    peer.expect('S. 0:0(0) ack 1 <mss 1460,TS ecr 9>')
    peer.send('S 0:0(0) <mss 1000,TS val 11 ecr 0>')
    peer.expect('S. 0:0(0) ack 1')
    assert.equal(peer.requests.length, 1)
  })

  it('answers a new attempt from the same port instead of the old one', () => {
    const peer = new Asking()
    peer.send('S 0:0(0) <mss 1000>', 'S 7777:7777(0) <mss 1000>')
    assert.equal(peer.requests.length, 1)
    peer.accept()
    peer.expect('S. 0:0(0) ack 7778')
  })

  it('does not ask for the data of a SYN', () => {
    const peer = new Asking()
    peer.send('S 0:100(100) <mss 1000>')
    peer.accept()
    peer.expect('S. 0:0(0) ack 1')
  })

  it('refuses with the reset that the peer will believe, or not at all', () => {
    const peer = new Asking()
    peer.send('S 0:10(10) <mss 1000>')
    peer.refuse('reset')
    peer.expect('R. 0:0(0) ack 11')
    peer.send('S 0:0(0) <mss 1000>')
    peer.refuse('ignore')
    peer.expectNothing()
    assert.equal(peer.requests.length, 2)
    assert.equal(peer.forwarder.stats.refused, 2)
  })

  it('believes a reset only with the number that follows the SYN (RFC 5961 §3.2)', () => {
    const peer = new Asking()
    peer.send('S 0:0(0) <mss 1000>', 'R 0:0(0)', 'R 5:5(0)')
    const [request] = peer.requests
    let ended = 0
    request!.onEnd = () => ended++
    assert.equal(request!.over, undefined)
    peer.send('R 1:1(0)')
    assert.equal(request!.over, 'ECONNRESET')
    assert.equal(ended, 1)
    assert.equal(peer.forwarder.pending, 0)
    peer.expectNothing()
  })

  it('puts nothing but plain SYNs before the handler; the rest is answered as in CLOSED (§3.10.7.1)', () => {
    const peer = new Asking()
    peer.send('. 1:1(0) ack 77')
    peer.expect('R 77:77(0)')
    peer.send('SF 0:0(0)')
    peer.expect('R. 0:0(0) ack 2')
    peer.send('S. 0:0(0) ack 5')
    peer.expect('R 5:5(0)')
    peer.send('R 0:0(0)')
    peer.expectNothing()
    assert.equal(peer.requests.length, 0)
  })

  it('gives up what is not decided in time, with a reset', () => {
    const peer = new Asking({ timeout: fromMs(2000) })
    peer.send('S 0:0(0) <mss 1000>')
    peer.expectAt(2000, 'R. 0:0(0) ack 1')
    assert.equal(peer.requests[0]!.over, 'ETIMEDOUT')
    peer.refuse('reset')
    peer.expectNothing()
  })

  it('counts half-open connections against its bound until they end', () => {
    const peer = new Asking({ pending: 2 })
    for (const port of [1, 2, 3]) peer.sendFrom(port, 'S 0:0(0) <mss 1000>')
    assert.equal(peer.requests.length, 2)
    assert.equal(peer.stack.counters.get('tcp-forward-overflow'), 1)
    peer.accept()
    peer.sendFrom(3, 'S 0:0(0) <mss 1000>')
    assert.equal(peer.stack.counters.get('tcp-forward-overflow'), 2)
    // Nobody answers the SYN,ACK; the first one nobody decides.
    peer.wait(180_000)
    assert.equal(peer.forwarder.pending, 0)
    peer.sendFrom(3, 'S 0:0(0) <mss 1000>')
    assert.equal(peer.requests.length, 3)
  })
})
