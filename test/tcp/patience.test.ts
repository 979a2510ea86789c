import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closeBoth } from '../../src/tcp/user.ts'
import { active, passive } from './established.ts'
import { Peer } from './peer.ts'

const seconds = (peer: Peer): number => Math.round(peer.now / 1000)

/** Runs until the user is told of the end, for an hour at most. */
function untilClosed(peer: Peer, answer: (peer: Peer) => void = () => undefined): void {
  const isOver = (): boolean => peer.tcb.isOver
  while (!isOver() && peer.now < 3_600_000) {
    peer.wait(100)
    answer(peer)
  }
  assert.ok(isOver(), 'it ends within an hour')
}

describe('the user timeout (RFC 5482, RFC 9293 §3.8.3)', () => {
  it('ends a connection whose data is not acknowledged for so long', () => {
    const peer = active({ tcp: { userTimeout: 3000 } })
    peer.write(10)
    untilClosed(peer)
    assert.equal(seconds(peer), 3)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
  })

  it('ends one whose peer keeps its window closed, whatever it answers, when the user chose the time (RFC 6429 §3)', () => {
    const peer = active({ window: 0, tcp: { userTimeout: 3000 } })
    peer.write(10)
    untilClosed(peer, () => {
      if (peer.take().length > 0) peer.send('. 1:1(0) ack 1 win 0')
    })
    assert.ok(seconds(peer) >= 3 && seconds(peer) <= 5, `${seconds(peer)}`)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
  })
})

describe('the user timeout option (RFC 5482)', () => {
  it('tells our timeout in the SYN and in the first segment without data, when asked to (§2)', () => {
    const peer = new Peer()
    peer.connect({ userTimeoutOption: true, userTimeout: 20_000 })
    assert.equal(peer.next()?.options.uto, 20)
    peer.send('S. 0:0(0) ack 1 <mss 1000>')
    assert.equal(peer.next()?.options.uto, 20)
    peer.send('P. 1:1001(1000) ack 1')
    assert.equal(peer.next()?.options.uto, undefined)
    const quiet = active()
    assert.equal(quiet.link.sent.length, 2)
    assert.ok(quiet.take().every(({ options }) => options.uto === undefined))
  })

  it('says minutes where seconds do not fit (§2)', () => {
    const peer = new Peer()
    peer.connect({ userTimeoutOption: true, userTimeout: 12 * 3_600_000 })
    assert.equal(peer.next()?.options.uto, 0x8000 | 720)
  })

  it('follows the peer, whose timeout may only be longer, and not below 100 seconds (§3.1)', () => {
    const waits = (uto: number, tcp: { userTimeout?: number; userTimeoutOption?: boolean }): number => {
      const peer = active({ syn: `mss 1000,uto ${uto}`, tcp })
      peer.write(10)
      untilClosed(peer)
      return seconds(peer)
    }
    assert.equal(waits(1800, { userTimeoutOption: true }), 1800)
    assert.equal(waits(0x8000 | 40, { userTimeoutOption: true }), 2400, 'minutes')
    assert.equal(waits(10, { userTimeoutOption: true }), 900, 'ours is longer')
    assert.equal(waits(0, { userTimeoutOption: true }), 900, 'zero is reserved (§3.4)')
    assert.equal(waits(1800, {}), 900, 'not enabled')
    assert.equal(waits(1800, { userTimeoutOption: true, userTimeout: 5000 }), 5, 'not changeable: the user chose')
  })
})

describe('how often something is sent again', () => {
  it('a SYN, at most synRetries times', () => {
    const peer = new Peer()
    peer.connect({ synRetries: 2 })
    untilClosed(peer)
    assert.equal(peer.take().length, 3)
    assert.equal(seconds(peer), 7)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
  })

  it('a SYN,ACK, at most synAckRetries times', () => {
    const peer = new Peer()
    peer.listen({ synAckRetries: 1 })
    peer.send('S 0:0(0) <mss 1000>')
    peer.wait(60_000)
    assert.equal(peer.take().length, 2)
    assert.equal(peer.tcp.size, 0)
  })

  it('data, at most retries times', () => {
    const peer = active({ syn: 'mss 1000', tcp: { retries: 3 }, rtt: 10 })
    peer.write(10)
    untilClosed(peer)
    assert.equal(peer.take().length, 4)
  })
})

describe('linger', () => {
  it('of 0 resets at once what is closed', () => {
    const peer = active({ tcp: { linger: 0 } })
    peer.write(10)
    peer.take()
    peer.do('closeBoth')
    peer.expect('R. 11:11(0) ack 1')
    assert.deepEqual(peer.told, ['ECONNABORTED'])
  })

  it('resets what is not delivered in its time', () => {
    const peer = active({ tcp: { linger: 2000 }, rtt: 10 })
    peer.write(10)
    peer.do('closeBoth')
    untilClosed(peer)
    assert.equal(seconds(peer), 2)
    assert.equal(peer.take().at(-1)?.flags, 'R.')
  })

  it('counts from the close, however long nothing happened before', () => {
    const peer = active({ tcp: { linger: 2000 }, rtt: 10 })
    peer.write(10)
    peer.take()
    peer.send('. 1:1(0) ack 11')
    const stale = peer.tcp.now
    peer.wait(10_000)
    closeBoth(peer.tcb, peer.tcp.sender, stale)
    peer.settle()
    assert.deepEqual(peer.told, [])
    peer.expect('F. 11:11(0) ack 1')
    untilClosed(peer)
    assert.equal(seconds(peer), 12)
  })

  it('leaves alone what is', () => {
    const peer = active({ tcp: { linger: 2000 }, rtt: 10 })
    peer.write(10)
    peer.do('closeBoth')
    peer.take()
    peer.send('. 1:1(0) ack 12')
    peer.wait(5000)
    assert.equal(peer.states.at(-1), 'FIN-WAIT-2')
    peer.send('F. 1:1(0) ack 12')
    peer.expect('. 12:12(0) ack 2')
    const passiveSide = passive({ tcp: { linger: 1000 } })
    passiveSide.send('F. 1:1(0) ack 1')
    passiveSide.do('closeBoth')
    passiveSide.send('. 2:2(0) ack 2')
    passiveSide.wait(5000)
    assert.deepEqual(passiveSide.told, ['readable', 'closed'])
  })
})

describe('a link whose queue is full', () => {
  it('is offered the same data every half second, and the path is not blamed', () => {
    const peer = active({ rtt: 100 })
    const { cwnd } = peer.tcb.congestion
    peer.link.isFull = true
    peer.write(10)
    peer.wait(2000)
    const { rtt, trouble, congestion, reoffers } = peer.tcb
    assert.deepEqual([rtt.backoff, trouble.timeouts, congestion.cwnd, reoffers], [0, 0, cwnd, 4])
    peer.link.isFull = false
    peer.wait(500)
    peer.expect('P. 1:11(10) ack 1')
    peer.send('. 1:1(0) ack 11')
    assert.equal(peer.tcb.reoffers, undefined)
  })

  it('ends the connection when it takes nothing for longer than the user timeout', () => {
    const peer = active({ rtt: 100, tcp: { userTimeout: 3000 } })
    peer.link.isFull = true
    peer.write(10)
    untilClosed(peer)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
    assert.equal(seconds(peer), 3)
  })
})
