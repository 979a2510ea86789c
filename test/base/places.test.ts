import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Places } from '../../src/base/places.ts'

describe('Places', () => {
  it('gives the right view, whatever was asked for before', () => {
    const bytes = new Uint8Array(Uint8Array.from({ length: 5000 }, (_, i) => i).buffer, 100)
    const places = new Places(bytes)
    const place = fc.tuple(
      fc.nat(20).map((n) => n * 170),
      fc.nat(3).map((n) => n * 500),
    )
    fc.assert(
      fc.property(fc.array(place, { maxLength: 60 }), (asked) => {
        for (const [from, length] of asked) {
          assert.deepEqual(places.view(from, length), bytes.subarray(from, from + length))
        }
      }),
    )
  })

  it('gives a view again that was asked for twice', () => {
    const places = new Places(new Uint8Array(5000))
    places.view(68, 1448)
    const view = places.view(68, 1448)
    places.view(68, 700)
    assert.equal(places.view(68, 1448), view)
    assert.notEqual(places.view(68, 700), view)
  })
})
