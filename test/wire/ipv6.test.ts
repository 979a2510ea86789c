import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseIpv6 } from '../../src/wire/filter/addresses.ts'
import { Ipv6Header, readIpv6 } from '../../src/wire/ipv6.ts'
import { hex, ipv6, udpDatagram, viewOf } from './build.ts'

const text = (digits: string): string => readIpv6(viewOf(hex(digits)), 0)

describe('readIpv6', () => {
  it('writes the canonical form (RFC 5952 §4)', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['20010db8000000000000000000000001', '2001:db8::1'],
      ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
      ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
      ['20010000000000010000000000000001', '2001:0:0:1::1'],
      ['00000000000000000000000000000000', '::'],
      ['00000000000000000000000000000001', '::1'],
      ['000000000000000000000000c0000201', '::192.0.2.1'],
      ['fe800000000000000000000000000000', 'fe80::'],
      ['00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
      ['20010db800aabbccddeeff0011223344', '2001:db8:aa:bbcc:ddee:ff00:1122:3344'],
    ]
    for (const [digits, expected] of cases) assert.equal(text(digits), expected)
  })

  it('is understood by the reader of text, for every address', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepEqual(parseIpv6(readIpv6(viewOf(Uint8Array.from(bytes)), 0)), bytes)
      }),
    )
  })
})

describe('parseIpv6', () => {
  it('refuses what is no address', () => {
    for (const wrong of [
      '',
      '1',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      'g::',
      '12345::',
      '::1.2.3',
    ]) {
      assert.equal(parseIpv6(wrong), undefined, wrong)
    }
  })
})

describe('Ipv6Header', () => {
  const frame = ipv6(17, udpDatagram({}), '20010db8000000000000000000000001', 'fe800000000000000000000000000002')

  it('reads every field', () => {
    const header = new Ipv6Header()
    const view = viewOf(frame)
    assert.equal(header.parse(view, 14, frame.length), undefined)
    assert.deepEqual([header.trafficClass, header.flowLabel, header.payloadLen], [0, 0x12345, 8])
    assert.deepEqual([header.nextHeader, header.hopLimit, header.payloadAt, header.end], [17, 255, 54, 62])
    assert.deepEqual([readIpv6(view, header.srcAt), readIpv6(view, header.dstAt)], ['2001:db8::1', 'fe80::2'])
  })

  it('names what it refuses, at every truncation', () => {
    const header = new Ipv6Header()
    for (let length = 0; length < 40; length++) {
      assert.equal(header.parse(viewOf(frame.slice(14, 14 + length)), 0, length), 'ip6-truncated')
    }
    assert.equal(header.parse(viewOf(frame.slice(14)), 0, 47), 'ip6-bad-length')
    const other = frame.slice(14)
    other[0] = 0x45
    assert.equal(header.parse(viewOf(other), 0, other.length), 'ip6-bad-version')
  })
})
