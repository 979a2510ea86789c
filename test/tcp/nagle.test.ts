import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passive } from './established.ts'

describe('small segments', () => {
  it('wait while another small one is unacknowledged (Nagle, RFC 9293 §3.7.4, SHLD-7)', () => {
    const peer = passive()
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1')
    peer.write(10)
    peer.write(10)
    peer.expectNothing()
    peer.send('. 1:1(0) ack 11')
    peer.expect('P. 11:31(20) ack 1')
  })

  it('go behind full ones (Minshall)', () => {
    const peer = passive()
    peer.write(1500)
    peer.expect('. 1:1001(1000) ack 1')
    peer.expect('P. 1001:1501(500) ack 1')
  })

  it('go at once without Nagle (MUST-17)', () => {
    const peer = passive({ tcp: { noDelay: true } })
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1')
    peer.write(10)
    peer.expect('P. 11:21(10) ack 1')
  })

  it('wait for full ones while corked', () => {
    const peer = passive()
    peer.tcb.cork = true
    peer.write(999)
    peer.wait(10_000)
    peer.expectNothing()
    peer.write(2)
    peer.expect('. 1:1001(1000) ack 1')
    peer.expectNothing()
    peer.do((tcb) => {
      tcb.cork = false
    })
    peer.expect('P. 1001:1002(1) ack 1')
  })

  it('keep a corked connection probing a closed window', () => {
    const peer = passive({ window: 1000 })
    peer.tcb.cork = true
    peer.write(3000)
    peer.take()
    peer.send('. 1:1(0) ack 1001 win 0')
    peer.wait(5000)
    assert.ok(peer.take().length > 0)
  })

  it('go with the FIN behind them', () => {
    const peer = passive()
    peer.tcb.cork = true
    peer.write(10)
    peer.do('close')
    peer.expect('FP. 1:11(10) ack 1')
  })
})
