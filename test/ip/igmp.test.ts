import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IPV4_ANY, type Ipv4Addr } from '../../src/base/address.ts'
import { checksum } from '../../src/base/checksum.ts'
import type { Micros } from '../../src/base/types.ts'
import { IGMP_LEN, IgmpHeader, IgmpType } from '../../src/wire/igmp.ts'
import { host, ip } from '../stack/net.ts'
import { packet, packetsOf, TestLink } from '../stack/test-link.ts'

const GROUP = ip('239.1.2.3')
const ALL_HOSTS = ip('224.0.0.1')
const ROUTER = ip('10.0.0.254')

function igmp(fields: Partial<IgmpHeader>): Uint8Array {
  const bytes = new Uint8Array(IGMP_LEN)
  Object.assign(new IgmpHeader(), fields).write(bytes, new DataView(bytes.buffer), 0)
  return bytes
}

/** A member of GROUP whose first reports are over. */
function member() {
  const link = new TestLink('ip')
  const stack = host(link, '10.0.0.1/24')
  const iface = stack.interfaces[1]!
  stack.igmp.join(iface, GROUP)
  stack.poll(0 as Micros)
  stack.poll(10_000_000 as Micros)
  link.take()
  const hear = (fields: Partial<IgmpHeader>, dst: Ipv4Addr, now: number) => {
    link.feed(packet({ src: ROUTER, dst, protocol: 2, ttl: 1 }, igmp(fields)))
    stack.poll(now as Micros)
  }
  return { link, stack, iface, hear }
}

describe('Igmp', () => {
  it('answers a query within the time it allows', () => {
    const { link, stack, hear } = member()
    hear({ type: IgmpType.QUERY, maxResponse: 20, group: IPV4_ANY }, ALL_HOSTS, 20_000_000)
    const due = stack.pollAt()
    assert.ok(due >= 20_000_000 && due < 22_000_000)
    stack.poll(due)
    const [report] = packetsOf(link.take(), 'ip')
    assert.deepEqual([report!.dst, report!.ttl, report!.headerLen], [GROUP, 1, 24])
    assert.equal(checksum(report!.bytes, 0, 24), 0)
    assert.equal(checksum(report!.bytes, 24, 32), 0)
    assert.equal(stack.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('keeps silent when another host has answered, and about groups it is not in', () => {
    const { link, stack, iface, hear } = member()
    hear({ type: IgmpType.QUERY, maxResponse: 20, group: ip('239.9.9.9') }, ALL_HOSTS, 20_000_000)
    assert.equal(stack.pollAt(), Number.POSITIVE_INFINITY)
    hear({ type: IgmpType.QUERY, maxResponse: 0, group: GROUP }, GROUP, 20_000_000)
    assert.ok(stack.pollAt() <= 30_000_000)
    hear({ type: IgmpType.V2_REPORT, group: GROUP }, GROUP, 20_000_001)
    assert.equal(stack.pollAt(), Number.POSITIVE_INFINITY)
    // RFC 2236 §3: whoever did not report last need not say farewell.
    stack.igmp.leave(iface, GROUP)
    stack.poll(20_000_002 as Micros)
    assert.deepEqual(link.take(), [])
  })

  it('refuses what is cut or corrupt', () => {
    const { link, stack } = member()
    const query = igmp({ type: IgmpType.QUERY, maxResponse: 1 })
    link.feed(packet({ src: ROUTER, dst: ALL_HOSTS, protocol: 2 }, query.slice(0, 7)))
    link.feed(packet({ src: ROUTER, dst: ALL_HOSTS, protocol: 2 }, query.with(1, 9)))
    stack.poll(20_000_000 as Micros)
    assert.deepEqual(stack.counters.toJSON(), { 'igmp-bad-checksum': 1, 'igmp-truncated': 1 })
  })
})
