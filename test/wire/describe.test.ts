import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FRAME_FIELDS, FrameDescriber } from '../../src/wire/describe.ts'
import { LinkType } from '../../src/wire/pcap-record.ts'
import { A, arp, B, ethernet, icmp, ipv4Packet, ipv6, tcp, udpDatagram, viewOf } from './build.ts'
import { CORPUS } from './corpus.ts'

const facts = (bytes: Uint8Array, start = 0, linkType: number = LinkType.ETHERNET): Record<string, unknown> =>
  new FrameDescriber().describe(viewOf(bytes), start, bytes.length, linkType)

const pick = (from: Record<string, unknown>, ...names: readonly string[]): unknown[] => names.map((name) => from[name])

describe('FrameDescriber', () => {
  it('tells a segment with its options', () => {
    const options = { timestamps: true, tsval: 5, tsecr: 4, sackCount: 1, sack: Int32Array.of(-1, 9, 0, 0, 0, 0, 0, 0) }
    const found = facts(tcp({ flags: 0x18, seq: 0xfffffff0, ack: 7, options, data: new Uint8Array(3) }))
    assert.deepEqual(pick(found, 'src', 'dst', 'protocol', 'ttl'), ['10.0.0.2', '10.0.0.3', 'tcp', 64])
    assert.deepEqual(pick(found, 'src_port', 'dst_port', 'tcp_flags'), [40000, 8888, 'psh ack'])
    assert.deepEqual(pick(found, 'seq', 'ack', 'tsval', 'payload_length'), [0xfffffff0, 7, 5, 3])
    assert.deepEqual(found['sack'], [[0xffffffff, 9]])
  })

  it('tells ARP, ICMP, a tag, IPv6 and a bare packet', () => {
    assert.deepEqual(pick(facts(arp({ operation: 2 })), 'arp_operation', 'arp_sender_ip', 'src_mac'), [
      'reply',
      '10.0.0.2',
      '02:42:0a:00:00:02',
    ])
    assert.deepEqual(pick(facts(icmp({ type: 8, id: 3, seq: 4 })), 'icmp_type', 'icmp_id', 'icmp_seq'), [8, 3, 4])
    const packet = ipv4Packet(17, udpDatagram({ dstPort: 53 }), { src: B, dst: A })
    assert.deepEqual(pick(facts(ethernet(0x0800, packet, { vlan: 0x2064 })), 'vlan', 'dst_port'), [100, 53])
    assert.deepEqual(pick(facts(packet, 0, LinkType.RAW), 'src', 'protocol', 'src_mac'), ['10.0.0.3', 'udp', undefined])
    const six = ipv6(17, udpDatagram({}), '20010db8000000000000000000000001', 'fe800000000000000000000000000002')
    assert.deepEqual(pick(facts(six), 'ip_version', 'src', 'src_port'), [6, '2001:db8::1', 5000])
  })

  it('leaves out what is broken, and uses no name that is not listed', () => {
    const names: readonly string[] = FRAME_FIELDS
    for (const bytes of CORPUS) {
      for (const end of [bytes.length, bytes.length >> 1, 15, 0]) {
        const found = facts(bytes.slice(0, end))
        for (const name of Object.keys(found)) assert.ok(names.includes(name), name)
      }
    }
    assert.deepEqual(facts(new Uint8Array(5)), {})
  })
})
