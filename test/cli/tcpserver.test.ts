import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NetError } from '../../src/base/errors.ts'
import { reasonOf } from '../../src/cli/tcp/service.ts'
import { gotcp } from './world.ts'

describe('gotcp tcpserver refuses', () => {
  it('what makes no sense', async () => {
    const lines = [
      [],
      ['0'],
      ['99999'],
      ['80', '-port', '81'],
      ['80', '--echo', '--sink'],
      ['80', '--source', '--exec', 'cat'],
      ['80', '--bytes', '5'],
      ['80', '--max-conns', '0'],
      ['80', '--json', '--pcap', '-'],
    ]
    for (const argv of lines) {
      const { code, stdout } = await gotcp('tcpserver', ...argv)
      assert.equal(code, 2, argv.join(' '))
      assert.doesNotMatch(stdout, /listening/)
    }
  })
})

describe('reasonOf()', () => {
  it('says why a connection ended', () => {
    assert.equal(reasonOf(undefined), 'closed')
    assert.equal(reasonOf(new NetError('ECONNRESET', 'x')), 'reset by the peer')
    assert.equal(reasonOf(new NetError('EHOSTUNREACH', 'x')), 'x (EHOSTUNREACH)')
    assert.equal(reasonOf(new Error('spawn failed')), 'spawn failed')
  })

  it('says how the command failed that served it', () => {
    assert.equal(reasonOf(undefined, { status: 0, signal: null }), 'closed')
    assert.equal(reasonOf(undefined, { status: 3, signal: null }), 'closed, the command failed with status 3')
    assert.equal(
      reasonOf(undefined, { status: 127, signal: null }),
      'closed, the command failed with status 127: not found',
    )
    assert.equal(reasonOf(undefined, { status: null, signal: 'SIGKILL' }), 'closed, the command was ended by SIGKILL')
  })
})
