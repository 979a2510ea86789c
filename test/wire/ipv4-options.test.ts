import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkIpv4Options, ipv4OptionLen } from '../../src/wire/ipv4-options.ts'

const viewOf = (bytes: ArrayLike<number>): DataView => new DataView(Uint8Array.from(bytes).buffer)

const check = (...bytes: number[]): string | undefined => checkIpv4Options(viewOf(bytes), 0, bytes.length)

const length = (...bytes: number[]): number => ipv4OptionLen(viewOf(bytes), 0, bytes.length)

describe('ipv4OptionLen', () => {
  it('tells how long an option is', () => {
    assert.equal(length(0, 9, 9), 1)
    assert.equal(length(1, 7, 7), 1)
    assert.equal(length(7, 7, 4, 0, 0, 0, 0), 7)
    assert.equal(length(148, 4, 0, 0), 4)
  })

  it('is 0 for what is malformed', () => {
    const bad = [
      [7],
      [7, 0],
      [7, 1],
      [7, 8, 4],
      [7, 4, 4, 0],
      [7, 3, 3],
      [68, 4, 4, 0],
      [148, 3, 0],
      [148, 6, 0, 0, 0, 0],
    ]
    for (const option of bad) {
      assert.equal(length(...option), 0, option.join(' '))
      assert.equal(check(1, ...option), 'ip-bad-option', option.join(' '))
    }
  })
})

describe('checkIpv4Options', () => {
  it('lets through what concerns routers only', () => {
    assert.equal(check(1, 148, 4, 0, 0, 0), undefined)
    assert.equal(check(68, 8, 5, 0, 0, 0, 0, 0), undefined)
  })

  it('refuses source routes, and what is malformed', () => {
    assert.equal(check(1, 131, 7, 4, 10, 0, 0, 1), 'ip-source-routed')
    assert.equal(check(137, 7, 4, 10, 0, 0, 1, 0), 'ip-source-routed')
    assert.equal(check(131, 6, 4, 10, 0, 0), 'ip-bad-option')
    assert.equal(check(0, 131, 7, 4, 10, 0, 0, 1), undefined)
  })

  it('never throws on random octets, and refuses no more than it must', () => {
    const kinds = fc.constantFrom(0, 1, 3, 4, 7, 8, 68, 131, 137, 148)
    fc.assert(
      fc.property(fc.array(fc.oneof(kinds, fc.integer({ min: 0, max: 255 })), { maxLength: 40 }), (bytes) => {
        const verdict = check(...bytes)
        if (verdict === 'ip-source-routed') assert.ok(bytes.includes(131) || bytes.includes(137))
        // What stands behind the end of the list is nobody's concern.
        assert.equal(check(0, ...bytes), undefined)
        assert.equal(check(1, ...bytes), verdict)
      }),
      { numRuns: 5000 },
    )
  })
})
