import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProportionalRateReduction } from '../../../src/tcp/recovery/prr.ts'

const MSS = 1000
const SSTHRESH = 10 * MSS

/** A recovery that began with twenty segments outstanding, and has repeated the one that was lost. */
function begun(): ProportionalRateReduction {
  const prr = new ProportionalRateReduction(20 * MSS)
  prr.onSent(MSS)
  return prr
}

describe('proportional rate reduction (RFC 6937 §3)', () => {
  it('lets out half of what is delivered where the window is halved', () => {
    const prr = begun()
    const windows: number[] = []
    for (const pipe of [19, 18, 17, 16]) {
      prr.onAck(MSS, pipe * MSS, SSTHRESH, MSS, false)
      windows.push(prr.window - pipe * MSS)
    }
    assert.deepEqual(windows, [0, 0, 500, 1000])
  })

  it('lets out what is delivered, and a segment more for good news, where too little is in flight', () => {
    const prr = begun()
    prr.onAck(MSS, 4 * MSS, SSTHRESH, MSS, false)
    assert.equal(prr.window, 5 * MSS)
    prr.onSent(MSS)
    prr.onAck(MSS, 4 * MSS, SSTHRESH, MSS, true)
    assert.equal(prr.window, 6 * MSS)
  })

  it('goes no further than the slow start threshold', () => {
    const prr = begun()
    prr.onAck(5 * MSS, SSTHRESH - 500, SSTHRESH, MSS, true)
    assert.equal(prr.window, SSTHRESH)
  })
})
