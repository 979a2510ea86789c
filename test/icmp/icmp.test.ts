import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Ipv4Addr, MAC_BROADCAST } from '../../src/base/address.ts'
import { checksum } from '../../src/base/checksum.ts'
import { TokenBucket } from '../../src/base/token-bucket.ts'
import type { Micros } from '../../src/base/types.ts'
import { IcmpError, type Transport } from '../../src/ip/transport.ts'
import { EtherType } from '../../src/wire/ethernet.ts'
import { IcmpCode, IcmpHeader, IcmpType, writeIcmpChecksum } from '../../src/wire/icmp.ts'
import { host, ip } from '../stack/net.ts'
import { ethernet, packet, packetsOf, TestLink, udp } from '../stack/test-link.ts'

const US = ip('10.0.0.1')
const PEER = ip('10.0.0.2')
const ROUTER = ip('10.0.0.254')
const TCP = 6

function icmp(fields: Partial<IcmpHeader>, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(8 + data.length)
  Object.assign(new IcmpHeader(), fields).write(new DataView(bytes.buffer), 0)
  bytes.set(data, 8)
  writeIcmpChecksum(bytes, 0, bytes.length)
  return bytes
}

/** A stack with a transport in TCP's place that notes the errors it is told of. */
function ready(options = {}) {
  const link = new TestLink('ip')
  const stack = host(link, '10.0.0.1/24', { gateway: ROUTER, ...options })
  const errors: IcmpError[] = []
  const transport: Transport = {
    protocol: TCP,
    input: () => undefined,
    icmpError: (error) => errors.push(Object.assign(new IcmpError(), error)),
    poll() {},
    pollAt: () => Number.POSITIVE_INFINITY as Micros,
  }
  stack.register(transport)
  const feed = (payload: Uint8Array, fields: Parameters<typeof packet>[0] = {}, now = 0) => {
    link.feed(packet({ src: PEER, dst: US, protocol: 1, ...fields }, payload))
    stack.poll(now as Micros)
    return packetsOf(link.take(), 'ip')
  }
  return { link, stack, errors, feed }
}

/** What a router quotes of a TCP segment of ours. */
function quote(fields: Parameters<typeof packet>[0] = {}, totalLen = 1500): Uint8Array {
  const transport = new Uint8Array(8)
  new DataView(transport.buffer).setUint32(0, (4000 << 16) | 80)
  new DataView(transport.buffer).setUint32(4, 0xdeadbeef)
  return packet({ src: US, dst: PEER, protocol: TCP, totalLen, ...fields }, transport)
}

describe('Icmp', () => {
  it('returns the data of an echo, from the address it was sent to', () => {
    const { feed } = ready()
    const data = Uint8Array.from({ length: 33 }, (_, i) => i)
    const [reply] = feed(icmp({ type: IcmpType.ECHO_REQUEST, id: 7, seq: 9 }, data), { tos: 0x10 })
    const header = new IcmpHeader()
    header.parse(new DataView(reply!.bytes.buffer), 20, reply!.end)
    assert.deepEqual([reply!.src, reply!.dst, reply!.tos], [US, PEER, 0x10])
    assert.deepEqual([header.type, header.code, header.id, header.seq], [IcmpType.ECHO_REPLY, 0, 7, 9])
    assert.deepEqual(reply!.bytes.slice(28), data)
    assert.equal(checksum(reply!.bytes, 20, reply!.end), 0)
  })

  it('leaves broadcast echoes, corrupt ones, unknown types and those on a shared address alone', () => {
    const { stack, feed } = ready()
    const echo = icmp({ type: IcmpType.ECHO_REQUEST })
    assert.deepEqual(feed(echo, { dst: ip('10.0.0.255') }), [])
    assert.deepEqual(feed(echo.with(7, 1)), [])
    for (const type of [IcmpType.SOURCE_QUENCH, IcmpType.REDIRECT, IcmpType.TIMESTAMP, 99]) {
      assert.deepEqual(feed(icmp({ type }, quote())), [])
    }
    assert.deepEqual(feed(echo.slice(0, 7)), [])
    assert.deepEqual(stack.counters.toJSON(), {
      'icmp-bad-checksum': 1,
      'icmp-broadcast-echo': 1,
      'icmp-truncated': 1,
      'icmp-unsupported-type': 4,
    })
    const shared = ready({ shared: true })
    assert.deepEqual(shared.feed(echo), [])
    assert.deepEqual(shared.stack.counters.toJSON(), { 'icmp-shared-echo': 1 })
  })

  it('hands errors to the transport they concern (RFC 9293 MUST-54)', () => {
    const { errors, feed } = ready()
    feed(icmp({ type: IcmpType.UNREACHABLE, code: IcmpCode.HOST_UNREACHABLE }, quote()), { src: ROUTER })
    feed(icmp({ type: IcmpType.TIME_EXCEEDED }, quote()), { src: ROUTER })
    feed(icmp({ type: IcmpType.PARAMETER_PROBLEM }, quote()), { src: ROUTER })
    assert.deepEqual(
      errors.map((error) => [error.kind, error.errorCode, error.isHard]),
      [
        ['unreachable', 'EHOSTUNREACH', false],
        ['time-exceeded', 'EHOSTUNREACH', false],
        ['parameter-problem', 'EINVAL', false],
      ],
    )
    const { from, src, dst, srcPort, dstPort, seq, local, protocol } = errors[0]!
    assert.deepEqual(
      { from, src, dst, srcPort, dstPort, seq, local, protocol },
      { from: ROUTER, src: US, dst: PEER, srcPort: 4000, dstPort: 80, seq: 0xdeadbeef, local: false, protocol: TCP },
    )
  })

  it('words every code of unreachable', () => {
    const error = new IcmpError()
    const words = Array.from({ length: 16 }, (_, code) => Object.assign(error, { code }).errorCode)
    assert.equal(
      words.join(' '),
      'ENETUNREACH EHOSTUNREACH ECONNREFUSED ECONNREFUSED EMSGSIZE EHOSTUNREACH ENETUNREACH EHOSTUNREACH ' +
        'EHOSTUNREACH EACCES EACCES ENETUNREACH EHOSTUNREACH EACCES EHOSTUNREACH EHOSTUNREACH',
    )
  })

  it('tells the MTU of a router, or guesses it (RFC 1191 §5)', () => {
    const { stack, errors, feed } = ready()
    const tooBig = { type: IcmpType.UNREACHABLE, code: IcmpCode.FRAGMENTATION_NEEDED }
    feed(icmp({ ...tooBig, mtu: 1400 }, quote()))
    feed(icmp({ ...tooBig, mtu: 0 }, quote()))
    feed(icmp({ ...tooBig, mtu: 1500 }, quote()))
    assert.deepEqual(
      errors.map((error) => [error.mtu, error.errorCode]),
      [
        [1400, 'EMSGSIZE'],
        [1492, 'EMSGSIZE'],
      ],
    )
    assert.equal(stack.counters.get('icmp-bad-mtu'), 1)
    assert.equal(stack.ip.pathMtu(PEER), 1500, 'only the transport decides to believe it')
  })

  it('refuses quotes that are cut, malformed, not ours or nobody’s', () => {
    const { stack, errors, feed } = ready()
    const unreachable = { type: IcmpType.UNREACHABLE, code: 1 }
    const whole = quote()
    for (let length = 0; length < whole.length; length++) feed(icmp(unreachable, whole.slice(0, length)))
    feed(icmp(unreachable, whole.with(0, 0x65)))
    feed(icmp(unreachable, whole.with(0, 0x44)))
    feed(icmp(unreachable, whole.with(0, 0x4f)))
    feed(icmp(unreachable, quote({ fragmentOffset: 8 })))
    feed(icmp(unreachable, quote({ src: ip('10.0.0.9') })))
    feed(icmp(unreachable, quote({ protocol: 99 })))
    assert.deepEqual(errors, [])
    assert.deepEqual(stack.counters.toJSON(), {
      'icmp-quote-malformed': 3,
      'icmp-quote-not-ours': 1,
      'icmp-quote-truncated': 29,
      'icmp-quote-unclaimed': 1,
    })
  })

  it('quotes the offending packet in its own errors, up to 576 bytes (RFC 1812 §4.3.2.3)', () => {
    const { feed } = ready()
    for (const [length, expected] of [
      [20, 76],
      [1000, 576],
    ] as const) {
      const bytes = udp(PEER, 5, US, 6, new Uint8Array(length))
      const [error] = feed(bytes, { protocol: 17 })
      assert.deepEqual([...error!.bytes.subarray(20, 22)], [IcmpType.UNREACHABLE, IcmpCode.PORT_UNREACHABLE])
      assert.equal(error!.totalLen, expected)
      const original = packet({ src: PEER, dst: US, protocol: 17 }, bytes)
      assert.deepEqual(error!.bytes.slice(28), original.slice(0, expected - 28))
      assert.equal(checksum(error!.bytes, 20, error!.end), 0)
    }
  })

  it('sends no error about errors, fragments, broadcasts, nor to nobody, nor for a shared address', () => {
    const { feed } = ready()
    const orphan = udp(PEER, 5, US, 6, new Uint8Array(8))
    assert.deepEqual(feed(orphan, { protocol: 17, dst: ip('10.0.0.255') }), [])
    assert.deepEqual(feed(orphan, { protocol: 99, fragmentOffset: 64 }), [])
    assert.deepEqual(feed(icmp({ type: IcmpType.UNREACHABLE, code: 1 }, quote({ protocol: 99 }))), [])
    assert.deepEqual(feed(orphan, { protocol: 17, src: 0 as Ipv4Addr }), [])
    assert.deepEqual(ready({ shared: true }).feed(orphan, { protocol: 17 }), [])
    const link = new TestLink()
    const stack = host(link, '10.0.0.1/24')
    link.feed(ethernet(packet({ src: PEER, dst: US, protocol: 99 }, orphan), EtherType.IPV4, { dst: MAC_BROADCAST }))
    stack.poll(0 as Micros)
    assert.deepEqual(packetsOf(link.take()), [])
  })

  it('limits the rate of its errors', () => {
    const { feed } = ready()
    const orphan = udp(PEER, 5, US, 6, new Uint8Array(8))
    let sent = 0
    for (let i = 0; i < 1000; i++) sent += feed(orphan, { protocol: 17 }).length
    assert.equal(sent, 50)
    assert.equal(feed(orphan, { protocol: 17 }, 1000).length, 1)
  })

  it('believes a router about an echo of ours whose identifier is in use', () => {
    const { stack, feed } = ready()
    const seen: number[] = []
    const id = stack.icmp.echoes.open({ onReply() {}, onError: (error) => seen.push(error.dstPort) })!
    const echo = icmp({ type: IcmpType.ECHO_REQUEST, id, seq: 3 })
    const about = packet({ src: US, dst: PEER, protocol: 1, totalLen: 1500 }, echo)
    const error = icmp({ type: IcmpType.UNREACHABLE, code: IcmpCode.FRAGMENTATION_NEEDED, mtu: 1300 }, about)
    feed(error)
    assert.deepEqual(seen, [3])
    assert.equal(stack.ip.pathMtu(PEER), 1300)
    stack.icmp.echoes.close(id)
    feed(error)
    assert.deepEqual(seen, [3])
  })
})

describe('TokenBucket', () => {
  it('lets a burst through and refills with time', () => {
    const bucket = new TokenBucket(10, 3)
    const takes = [0, 0, 0, 0, 99_999, 100_000, 100_001].map((now) => bucket.take(now as Micros))
    assert.deepEqual(takes, [true, true, true, false, false, true, false])
  })
})
