import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkIpv4Options, parseIpv4Options } from '../../src/wire/ipv4-options.ts'

const viewOf = (bytes: ArrayLike<number>): DataView => new DataView(Uint8Array.from(bytes).buffer)

function visited(...bytes: number[]): string {
  const seen: string[] = []
  const verdict = parseIpv4Options(viewOf(bytes), 0, bytes.length, (kind, at, length) => {
    seen.push(`${kind}@${at}+${length}`)
  })
  return [...seen, verdict ?? 'end'].join(' ')
}

const check = (...bytes: number[]): string | undefined => checkIpv4Options(viewOf(bytes), 0, bytes.length)

describe('parseIpv4Options', () => {
  it('visits each option up to EOL', () => {
    assert.equal(visited(1, 7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0, 9, 9, 9), '1@0+1 7@1+7 148@8+4 0@12+1 end')
    assert.equal(visited(), 'end')
  })

  it('stops before what is malformed', () => {
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
    for (const option of bad) assert.equal(visited(1, ...option), '1@0+1 ip-bad-option', option.join(' '))
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

  it('agrees with the visitor on random octets and never throws', () => {
    const kinds = fc.constantFrom(0, 1, 3, 4, 7, 8, 68, 131, 137, 148)
    fc.assert(
      fc.property(fc.array(fc.oneof(kinds, fc.integer({ min: 0, max: 255 })), { maxLength: 40 }), (bytes) => {
        const verdict = check(...bytes)
        const trace = visited(...bytes)
        if (verdict === 'ip-source-routed') assert.match(trace, /\b(131|137)@/)
        else assert.equal(verdict !== undefined, trace.endsWith('ip-bad-option'))
      }),
      { numRuns: 5000 },
    )
  })
})
