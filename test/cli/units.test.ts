import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAge, formatBytes, formatMs, formatPercent, formatRate, formatSeconds } from '../../src/cli/units.ts'

describe('units', () => {
  it('formatRate() counts bits in steps of 1000', () => {
    assert.deepEqual([0, 999, 1000, 941_234_567, 9.4e9, 12e12].map(formatRate), [
      '0 bit/s',
      '999 bit/s',
      '1.00 kbit/s',
      '941 Mbit/s',
      '9.40 Gbit/s',
      '12.0 Tbit/s',
    ])
  })

  it('formatBytes() counts bytes in steps of 1024', () => {
    assert.deepEqual([0, 1023, 1024, 1_310_720, 256 * 2 ** 20, 2 ** 40].map(formatBytes), [
      '0 B',
      '1023 B',
      '1.00 KiB',
      '1.25 MiB',
      '256 MiB',
      '1.00 TiB',
    ])
  })

  it('formatMs() keeps three significant figures', () => {
    assert.deepEqual([0.4123, 4.123, 41.23, 412.3, Number.NaN].map(formatMs), [
      '0.412 ms',
      '4.12 ms',
      '41.2 ms',
      '412 ms',
      '- ms',
    ])
  })

  it('formatAge() says two units at most, and none of nothing', () => {
    assert.deepEqual([0, 5.4, 200, 7500, 370_000].map(formatAge), ['0 s', '5 s', '3m 20s', '2h 5m', '4d 6h'])
  })

  it('formatSeconds() and formatPercent()', () => {
    assert.deepEqual([0.4312, 2.312, 59, 200].map(formatSeconds), ['431 ms', '2.31 s', '59.0 s', '3m 20s'])
    assert.deepEqual([0, 0.01, 0.12345, 1].map(formatPercent), ['0%', '1%', '12.3%', '100%'])
  })
})
