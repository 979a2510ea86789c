import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { socketOptions } from '../../src/cli/tcp/socket-flags.ts'
import { resolveTcpOptions } from '../../src/tcp/settings.ts'

const none = {
  ecn: undefined,
  'user-timeout': undefined,
  'keep-alive': undefined,
  linger: undefined,
  mss: undefined,
  'mtu-probing': undefined,
}

describe('the flags of a TCP connection', () => {
  it('ask for nothing when none is given', () => {
    assert.deepEqual(socketOptions(none), {})
  })

  it('count seconds, and stay within what the stack takes', () => {
    const asked = socketOptions({
      ...none,
      ecn: 'request',
      'user-timeout': 0.001,
      'keep-alive': 30,
      linger: 1e9,
      mss: 1000,
    })
    assert.deepEqual(asked, {
      ecn: 'request',
      userTimeout: 100,
      keepAlive: 30_000,
      keepAliveInterval: 30_000,
      linger: 86_400_000,
      maxSegment: 1000,
    })
    assert.equal(resolveTcpOptions(asked).keepAlive, 30_000_000)
    assert.equal(resolveTcpOptions(socketOptions({ ...none, 'keep-alive': 0, linger: 0 })).linger, 0)
  })
})
