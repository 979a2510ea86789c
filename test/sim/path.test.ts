import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import { Pair, transfer } from './pair.ts'

const MB = 1_000_000

describe('a path that marks packets instead of dropping them (RFC 3168)', () => {
  const run = (ecn: 'request' | 'off') => {
    const fault = { send: { rate: 20 * MB, delay: fromMs(10), codel: fromMs(5) }, receive: { delay: fromMs(10) } }
    const pair = new Pair({ seed: 1, fault })
    const { source, sink, ended } = transfer(pair, 10 * MB, 60_000, { ecn })
    assert.equal(sink?.received, 10 * MB)
    assert.equal(sink?.firstWrong, undefined)
    pair.close()
    return { source, sink, ended }
  }

  it('loses nothing, and the sender yields to marks as to losses', () => {
    const marked = run('request')
    assert.ok(marked.source.tcb.ecn?.isOn)
    assert.ok(marked.sink!.tcb.ecn!.counts.ce > 0, 'packets were marked')
    assert.ok(marked.source.tcb.ecn!.counts.ece > 0, 'the sender was told')
    assert.equal(marked.source.tcb.trouble.retransmissions, 0)
    assert.ok(marked.source.tcb.congestion.ssthresh < Number.POSITIVE_INFINITY, 'and slowed down')
    const dropped = run('off')
    assert.ok(dropped.source.tcb.trouble.retransmissions > 0)
    assert.ok(marked.ended <= dropped.ended + fromMs(1000), `${marked.ended} ${dropped.ended}`)
  })
})

describe('a path on which large packets vanish without a word', () => {
  const blackHole = (tcp: { mtuProbing: 'off' | 'blackhole' | 'always' }) => {
    const fault = { send: { mtu: 1300, delay: fromMs(10) }, receive: { delay: fromMs(10) } }
    const pair = new Pair({ seed: 1, fault })
    const { source, sink } = transfer(pair, MB, 60_000, tcp)
    const result = { trouble: source.tcb.trouble, mss: source.tcb.mss, received: sink?.received }
    pair.close()
    return result
  }

  it('stops nobody who suspects it (RFC 8899 §4.3)', () => {
    const { received, mss } = blackHole({ mtuProbing: 'blackhole' })
    assert.equal(received, MB)
    assert.ok(mss >= 1012 && mss <= 1248, `${mss}`)
  })

  it('costs nothing but probes where the search began below it (RFC 4821 §7.3)', () => {
    const { received, mss, trouble } = blackHole({ mtuProbing: 'always' })
    assert.equal(received, MB)
    assert.ok(mss > 1230 && mss <= 1248, `${mss}`)
    assert.equal(trouble.timeouts, 0)
    assert.equal(trouble.fastRecoveries, 0)
  })

  it('is the end of whoever does not', () => {
    assert.equal(blackHole({ mtuProbing: 'off' }).received ?? 0, 0)
  })
})
