import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { type Cidr, type Ipv4Addr, type MacAddr, maskOf, parseCidr, parseMac } from '../../src/base/address.ts'
import {
  BpfAssembler,
  type BpfInstruction,
  encodeBpf,
  filterOfFlow,
  type HostFilterOptions,
  hostFilter,
  WHOLE_FRAME,
} from '../../src/driver/bpf.ts'

interface Tagged {
  readonly bytes: Uint8Array
  readonly vlan?: number
}

/** Whom the kernel says the frame is for, on an interface whose address is `OURS`. */
function packetType(view: DataView): number {
  if (view.byteLength < 6) return 0
  const mac = view.getUint16(0) * 2 ** 32 + view.getUint32(2)
  if (mac === 2 ** 48 - 1) return 1
  if ((view.getUint8(0) & 1) !== 0) return 2
  return mac === OURS ? 0 : 3
}

/** The kernel's interpreter, as far as the assembler goes; a load beyond the frame drops it. */
function run(program: readonly BpfInstruction[], frame: Tagged): number {
  const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.byteLength)
  let a = 0
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc]!
    const load = (size: number, read: () => number): boolean => {
      if (k === 0xfffff000) a = view.byteLength < 14 ? 0 : view.getUint16(12)
      else if (k === 0xfffff000 + 4) a = packetType(view)
      else if (k === 0xfffff000 + 48) a = frame.vlan === undefined ? 0 : 1
      else if (k === 0xfffff000 + 44) a = frame.vlan ?? 0
      else if (k + size > frame.bytes.length) return false
      else a = read()
      return true
    }
    if (code === 0x20 && !load(4, () => view.getUint32(k))) return 0
    if (code === 0x28 && !load(2, () => view.getUint16(k))) return 0
    if (code === 0x30 && !load(1, () => view.getUint8(k))) return 0
    if (code === 0x80) a = frame.bytes.length
    if (code === 0x54) a = (a & k) >>> 0
    if (code === 0x74) a >>>= k
    if (code === 0x35) pc += a >= k >>> 0 ? jt : jf
    if (code === 0x15) pc += a === k >>> 0 ? jt : jf
    if (code === 0x06) return k
  }
  throw new Error('fell off the end')
}

const OURS = parseMac('02:00:00:00:00:01')!
/** What the interface was called when the filter was made. */
const OLD = parseMac('02:00:00:00:00:09')!
const cidr = (text: string): Cidr => parseCidr(text)!

function ipv4(dstMac: MacAddr, dst: number, vlan?: number): Tagged {
  const bytes = new Uint8Array(60)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(dstMac / 0x100000000))
  view.setUint32(2, dstMac % 0x100000000)
  view.setUint16(12, 0x0800)
  view.setUint8(14, 0x45)
  view.setUint32(30, dst)
  return vlan === undefined ? { bytes } : { bytes, vlan }
}

describe('hostFilter', () => {
  const arbitraryMac = fc.oneof(
    fc.constantFrom(OURS, OLD, 0xffffffffffff as MacAddr, 0x01005e000001 as MacAddr, 0x020000000002 as MacAddr),
    fc.integer({ min: 0, max: 2 ** 48 - 1 }).map((n) => n as MacAddr),
  )
  const arbitraryAddr = fc.oneof(
    fc.constantFrom(0x0a000001, 0x0a0000ff, 0x0a000002, 0xffffffff, 0xe0000001, 0xc0a80101),
    fc.nat(0xffffffff),
  )
  const arbitraryVlan = fc.constantFrom(undefined, 0, 0x2000, 7, 0x6007, 8)

  it('accepts exactly what a host must hear', () => {
    const addresses = [cidr('10.0.0.1/24'), cidr('192.168.1.1/32')]
    const arbitraryOptions = fc.record(
      {
        mac: fc.constantFrom(OURS, OLD),
        addresses: fc.constantFrom([], addresses),
        vlan: fc.constantFrom('none', 'any', 7),
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<HostFilterOptions>
    fc.assert(
      fc.property(arbitraryOptions, arbitraryMac, arbitraryAddr, arbitraryVlan, (options, mac, dst, tci) => {
        const id = tci === undefined ? undefined : tci & 0xfff
        const vlan = options.vlan ?? 'none'
        const tagged = vlan === 'any' || (vlan === 'none' ? id === undefined || id === 0 : id === vlan)
        const group = Math.floor(mac / 2 ** 40) % 2 === 1
        const heard = options.mac === undefined || group || mac === options.mac || mac === OURS
        const list = options.addresses ?? []
        const mine =
          list.length === 0 ||
          dst === 0xffffffff ||
          dst >>> 28 === 0xe ||
          list.some(
            (each) => each.addr === dst || (each.prefix < 31 && (each.addr | ~maskOf(each.prefix)) >>> 0 === dst),
          )
        const expected = tagged && heard && mine ? WHOLE_FRAME : 0
        assert.equal(run(hostFilter(options), ipv4(mac, dst, tci)), expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('hears ARP, and nothing of other protocols', () => {
    const program = hostFilter({ mac: OURS, addresses: [cidr('10.0.0.1/24')] })
    const frame = ipv4(0xffffffffffff as MacAddr, 0)
    const view = new DataView(frame.bytes.buffer)
    for (const [type, expected] of [
      [0x0806, WHOLE_FRAME],
      [0x86dd, 0],
      [0x88cc, 0],
    ] as const) {
      view.setUint16(12, type)
      assert.equal(run(program, frame), expected)
    }
  })

  it('stays within a jump with hundreds of addresses', () => {
    const addresses = Array.from({ length: 900 }, (_, i) => ({ addr: (0x0a000000 + i) as Ipv4Addr, prefix: 32 }))
    const program = hostFilter({ mac: OURS, addresses })
    assert.equal(run(program, ipv4(OURS, 0x0a000000 + 899)), WHOLE_FRAME)
    assert.equal(run(program, ipv4(OURS, 0x0a000000 + 900)), 0)
  })

  it('drops every truncation without reading beyond it', () => {
    const program = hostFilter({ mac: OURS, addresses: [cidr('10.0.0.1/24')] })
    const { bytes } = ipv4(OURS, 0x0a000001)
    for (let length = 0; length < 34; length++) assert.equal(run(program, { bytes: bytes.subarray(0, length) }), 0)
    assert.equal(run(program, { bytes: bytes.subarray(0, 34) }), WHOLE_FRAME)
  })
})

/** What `encodeBpf` wrote. */
function decode(bytes: Uint8Array): BpfInstruction[] {
  const words = new Uint16Array(Uint8Array.from(bytes).buffer)
  return Array.from({ length: words.length / 4 }, (_, i) => {
    const [code, jumps, low, high] = words.subarray(4 * i, 4 * i + 4)
    return { code: code!, jt: jumps! & 0xff, jf: jumps! >> 8, k: (low! | (high! << 16)) >>> 0 }
  })
}

describe('filterOfFlow', () => {
  const FLOW = { source: 0x0a000002, destination: 0x0a000001, ports: 0x1bbc_9c40 }
  const passes = (filter: Uint8Array, bytes: Uint8Array) => run(decode(filter), { bytes }) > 0

  for (const medium of ['ethernet', 'ip'] as const) {
    const at = medium === 'ethernet' ? 14 : 0
    /** The beginning of a segment of the connection, but for the octet at `index`. */
    const segment = (index = 0, value?: number) => {
      const bytes = new Uint8Array(at + 40)
      const view = new DataView(bytes.buffer)
      if (at > 0) view.setUint16(12, 0x0800)
      view.setUint8(at, 0x45)
      view.setUint8(at + 9, 6)
      view.setUint32(at + 12, FLOW.source)
      view.setUint32(at + 16, FLOW.destination)
      view.setUint32(at + 20, FLOW.ports)
      if (value !== undefined) bytes[index] = value
      return bytes
    }
    const filters = (filter: Uint8Array) =>
      (['only', 'without'] as const).map((which) => filterOfFlow(filter, which, FLOW, medium))

    it(`divides what a filter takes between two, ${medium}`, () => {
      const even = new BpfAssembler()
        .load8(at + 39)
        .and(1)
        .ifEqual(0, 'even')
        .accept(0)
        .label('even')
        .accept()
      const strangers = [
        ...[12, 15, 20, 21, 22, 23].map((index) => segment(at + index, 99)),
        ...(at > 0 ? [segment(13, 6)] : []),
      ]
      for (const filter of [encodeBpf(even.assemble()), new Uint8Array(0)]) {
        const [only, without] = filters(filter)
        for (const last of [0, 1]) {
          const isTaken = filter.length === 0 || last === 0
          const ways = (bytes: Uint8Array) => {
            bytes[at + 39] = last
            return [passes(only!, bytes), passes(without!, bytes)]
          }
          assert.deepEqual(ways(segment()), [isTaken, false])
          for (const each of strangers) assert.deepEqual(ways(each), [false, isTaken])
        }
      }
    })

    it(`gives every frame to one of both, ${medium}`, () => {
      const [only, without] = filters(new Uint8Array(0))
      fc.assert(
        fc.property(fc.uint8Array({ minLength: at, maxLength: 80 }), fc.boolean(), (random, isLike) => {
          const bytes = isLike
            ? Uint8Array.from(segment(), (octet, i) => ((random[i] ?? 7) % 7 === 0 ? random[i]! : octet))
            : random
          assert.notEqual(passes(only!, bytes), passes(without!, bytes))
        }),
      )
    })
  }
})

describe('BpfAssembler', () => {
  it('refuses jumps that lead nowhere, back or too far', () => {
    assert.throws(() => new BpfAssembler().ifEqual(1, 'nowhere').accept().assemble(), RangeError)
    assert.throws(() => new BpfAssembler().label('back').accept().ifEqual(1, 'back').assemble(), RangeError)
    const far = new BpfAssembler().ifEqual(1, 'far')
    for (let i = 0; i < 256; i++) far.accept()
    assert.throws(() => far.label('far').accept().assemble(), RangeError)
  })

  it('encodes as struct sock_filter', () => {
    const program = new BpfAssembler()
      .load16(12)
      .ifEqual(0x0800, undefined, 'drop')
      .accept(96)
      .label('drop')
      .accept(0)
      .assemble()
    const bytes = encodeBpf(program)
    assert.equal(bytes.length, 32)
    assert.deepEqual(new Uint16Array(bytes.buffer, 8, 1)[0], 0x15)
    assert.deepEqual([...bytes.subarray(10, 12)], [0, 1])
    assert.equal(new Uint32Array(bytes.buffer, 12, 1)[0], 0x0800)
    assert.throws(() => encodeBpf(new Array(4097).fill({ code: 6, jt: 0, jf: 0, k: 0 })), RangeError)
  })
})
