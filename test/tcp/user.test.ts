import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passive } from './established.ts'

describe('a user who throws when he is told something', () => {
  it('hears of it after the poll, misses nothing, and holds up no ACK', () => {
    const peer = passive()
    const told: string[] = []
    peer.tcb.user = {
      onEstablished() {},
      onReadable() {
        told.push('readable')
        throw new Error('no')
      },
      onWritable() {},
      onClosed: () => told.push('closed'),
    }
    assert.throws(() => peer.send('P. 1:2001(2000) ack 1'), /^Error: no$/)
    peer.expect('. 1:1(0) ack 2001')
    assert.throws(() => peer.send('P. 2001:2002(1) ack 1', 'R. 2002:2002(0) ack 1'), /^Error: no$/)
    assert.deepEqual(told, ['readable', 'readable'])
    peer.wait(1)
    assert.deepEqual(told, ['readable', 'readable', 'closed'])
  })
})
