import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_WINDOW_SCALE, TCP_MAX_OPTIONS_LEN, TcpOptions } from '../../src/wire/tcp-options.ts'

const parse = (options: TcpOptions, ...bytes: number[]): string | undefined =>
  options.parse(new DataView(Uint8Array.from(bytes).buffer), 0, bytes.length)

const written = (options: TcpOptions): string => {
  const bytes = new Uint8Array(TCP_MAX_OPTIONS_LEN)
  const end = options.write(new DataView(bytes.buffer), 0)
  assert.equal(end, options.length())
  return Buffer.from(bytes.subarray(0, end)).toString('hex')
}

const u32 = fc.integer({ min: 0, max: 0xffffffff })

describe('TcpOptions', () => {
  it('writes the SYN of Linux, byte for byte (RFC 9293 MUST-4, MUST-68)', () => {
    const options = new TcpOptions()
    Object.assign(options, { mss: 1460, windowScale: 7, sackPermitted: true, timestamps: true, tsval: 1, tsecr: 0 })
    assert.equal(written(options), '020405b40402080a000000010000000001030307')
    options.timestamps = false
    assert.equal(written(options), '020405b40101040201030307')
  })

  it('writes timestamps and SACK blocks behind two NOPs each, and nothing behind them (RFC 9293 MUST-69)', () => {
    const options = new TcpOptions()
    Object.assign(options, { timestamps: true, tsval: 0xfffffffe, tsecr: 2, sackCount: 1 })
    options.sack.set([-1, 5])
    assert.equal(written(options), '0101080afffffffe000000020101050affffffff00000005')
  })

  it('reads back what it wrote, at any alignment (RFC 9293 §3.2, MUST-64)', () => {
    const fields = fc.record({
      mss: fc.integer({ min: 0, max: 0xffff }),
      windowScale: fc.integer({ min: -1, max: MAX_WINDOW_SCALE }),
      sackPermitted: fc.boolean(),
      timestamps: fc.boolean(),
      tsval: u32,
      tsecr: u32,
      sackCount: fc.integer({ min: 0, max: 4 }),
    })
    const edges = fc.array(u32, { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(fields, edges, fc.integer({ min: 0, max: 7 }), (given, sack, at) => {
        const options = new TcpOptions()
        Object.assign(options, given)
        options.sack.set(sack)
        const length = options.length()
        assert.ok(length % 4 === 0 && length <= TCP_MAX_OPTIONS_LEN)
        const view = new DataView(new ArrayBuffer(at + length))
        assert.equal(options.write(view, at), at + length)
        const again = new TcpOptions()
        assert.equal(again.parse(view, at, at + length), undefined)
        assert.deepEqual([again.mss, again.windowScale], [given.mss, given.windowScale])
        assert.deepEqual([again.sackPermitted, again.timestamps], [given.sackPermitted, given.timestamps])
        if (given.timestamps) assert.deepEqual([again.tsval, again.tsecr], [given.tsval, given.tsecr])
        assert.ok(again.sackCount <= given.sackCount)
        assert.ok(
          again.sackCount === given.sackCount || length > TCP_MAX_OPTIONS_LEN - 8,
          'left out only for want of room',
        )
        for (let i = 0; i < 2 * again.sackCount; i++) assert.equal(again.sack[i], options.sack[i])
      }),
    )
  })

  it('forgets the segment before', () => {
    const options = new TcpOptions()
    parse(options, 2, 4, 5, 180, 4, 2, 3, 3, 7, 0, 34, 4, 1, 2)
    assert.equal(parse(options), undefined)
    assert.deepEqual(options, new TcpOptions())
  })

  it('reports a shift above 14 as 14 (RFC 7323 §2.3)', () => {
    const options = new TcpOptions()
    parse(options, 3, 3, 200)
    assert.equal(options.windowScale, MAX_WINDOW_SCALE)
  })

  it('ends at EOL and passes over what it does not know (RFC 9293 MUST-6)', () => {
    const options = new TcpOptions()
    assert.equal(parse(options, 254, 4, 9, 9, 2, 4, 5, 180, 0, 3, 3, 7), undefined)
    assert.deepEqual([options.mss, options.windowScale], [1460, -1])
  })

  it('keeps what came before an illegal length (RFC 9293 MUST-7)', () => {
    const options = new TcpOptions()
    for (const bad of [[3], [3, 0], [3, 1], [3, 4, 7], [200, 255]]) {
      assert.equal(parse(options, 2, 4, 5, 180, ...bad), 'tcp-bad-option')
      assert.deepEqual([options.mss, options.windowScale], [1460, -1])
    }
  })

  it('passes over a known option of a wrong length and reads on', () => {
    const options = new TcpOptions()
    for (const bad of [
      [2, 3, 1],
      [3, 4, 7, 0],
      [4, 3, 0],
      [5, 2],
      [5, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [8, 4, 0, 0],
    ]) {
      assert.equal(parse(options, ...bad, 3, 3, 7), 'tcp-bad-option')
      assert.deepEqual([options.mss, options.windowScale, options.sackCount], [0, 7, 0])
    }
  })

  it('finds the Fast Open cookie (RFC 7413 §4.1.1)', () => {
    const options = new TcpOptions()
    parse(options, 1, 1, 34, 6, 1, 2, 3, 4)
    assert.deepEqual([options.cookieAt, options.cookieLen], [4, 4])
    parse(options, 34, 2)
    assert.deepEqual([options.cookieAt, options.cookieLen], [2, 0])
    assert.equal(parse(options, 254, 8, 0xf9, 0x89, 1, 2, 3, 4), undefined)
    assert.deepEqual([options.cookieAt, options.cookieLen, options.cookieIsExperimental], [4, 4, true])
  })

  it('passes over a cookie that is too short, too long or odd, and other experiments (RFC 7413 §4.1.1, RFC 6994 §3)', () => {
    const options = new TcpOptions()
    for (const length of [1, 2, 3, 5, 17, 18]) {
      assert.equal(parse(options, 34, 2 + length, ...new Array(length).fill(7)), 'tcp-bad-option')
      assert.equal(options.cookieLen, -1)
      assert.equal(parse(options, 254, 4 + length, 0xf9, 0x89, ...new Array(length).fill(7)), 'tcp-bad-option')
      assert.equal(options.cookieLen, -1)
    }
    for (const other of [
      [254, 2],
      [254, 4, 0xf9, 0x8a],
      [253, 4, 0xf9, 0x89],
    ]) {
      assert.equal(parse(options, ...other, 3, 3, 7), undefined)
      assert.deepEqual([options.cookieLen, options.windowScale], [-1, 7])
    }
  })

  it('writes a cookie behind the other options, aligned; the longest fits beside all a SYN offers (RFC 7413 §4.1.1)', () => {
    const options = new TcpOptions()
    Object.assign(options, { mss: 1460, windowScale: 7, sackPermitted: true })
    options.cookie = Uint8Array.of(0xab, 0xcd, 0x12, 0x34)
    assert.equal(written(options), '020405b401010402010303072206abcd12340101')
    options.cookieIsExperimental = true
    assert.equal(written(options), '020405b40101040201030307fe08f989abcd1234')
    options.cookie = new Uint8Array(0)
    assert.equal(written(options), '020405b40101040201030307fe04f989')
    options.timestamps = true
    options.cookie = new Uint8Array(16)
    assert.equal(options.length(), 40)
  })

  it('takes random bytes without throwing and without reading behind the end', () => {
    const options = new TcpOptions()
    const kinds = fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 10, 18, 26, 34, 255)
    const octets = fc.array(fc.oneof(kinds, fc.integer({ min: 0, max: 255 })), { maxLength: 44 })
    fc.assert(
      fc.property(octets, (bytes) => {
        const verdict = parse(options, ...bytes)
        assert.ok(verdict === undefined || verdict === 'tcp-bad-option')
        assert.ok(options.sackCount <= 4 && options.windowScale <= MAX_WINDOW_SCALE)
      }),
      { numRuns: 5000 },
    )
  })
})
