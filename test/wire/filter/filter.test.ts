import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compileFilter } from '../../../src/wire/filter/filter.ts'
import { FilterSyntaxError } from '../../../src/wire/filter/syntax-error.ts'
import { LinkType } from '../../../src/wire/pcap-record.ts'
import { A, arp, B, ethernet, icmp, ip, ipv4, ipv4Packet, ipv6, tcp, udp, udpDatagram, viewOf } from '../build.ts'
import { CORPUS } from '../corpus.ts'

const frames: Readonly<Record<string, Uint8Array>> = {
  syn: tcp({ flags: 2 }),
  'syn-ack': tcp({ flags: 0x12, src: B, dst: A, srcPort: 8888, dstPort: 40000 }),
  dns: udp({ dstPort: 53 }),
  udp: udp({ src: B, dst: ip('192.168.1.7'), srcPort: 70, dstPort: 6000, data: new Uint8Array(200) }),
  ping: icmp({ type: 8 }),
  unreachable: icmp({ type: 3, code: 4 }),
  arp: arp({ targetIp: ip('10.0.0.9') }),
  ip6: ipv6(17, udpDatagram({}), '20010db8000000000000000000000001', 'ff020000000000000000000000000001'),
  tagged: ethernet(0x0800, ipv4Packet(17, udpDatagram({ dstPort: 69 })), { vlan: 100 }),
  fragment: ipv4(17, new Uint8Array(40), { fragmentOffset: 1480 }),
}

const wanted = (expression: string, linkType: number = LinkType.ETHERNET, from = 0): string => {
  const filter = compileFilter(expression)
  return Object.entries(frames)
    .filter(([, bytes]) =>
      filter.matches({
        bytes,
        view: viewOf(bytes),
        start: from,
        end: bytes.length,
        wireLength: bytes.length - from,
        linkType,
      }),
    )
    .map(([name]) => name)
    .join(' ')
}

describe('compileFilter', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', Object.keys(frames).join(' ')],
    ['tcp', 'syn syn-ack'],
    ['udp', 'dns udp ip6 tagged fragment'],
    ['icmp', 'ping unreachable'],
    ['arp', 'arp'],
    ['ip6', 'ip6'],
    ['ip and not udp', 'syn syn-ack ping unreachable'],
    ['host 10.0.0.9', 'arp'],
    ['src host 10.0.0.3', 'syn-ack udp'],
    ['dst 10.0.0.2', 'syn-ack'],
    ['src and dst net 10', 'syn syn-ack dns ping unreachable arp tagged fragment'],
    ['net 192.168.0.0/16', 'udp'],
    ['dst net 192.168.0.0 mask 255.255.0.0', 'udp'],
    ['ip host 10.0.0.9', ''],
    ['host 2001:db8::1', 'ip6'],
    ['net ff00::/8', 'ip6'],
    ['port 53', 'dns'],
    ['port domain or 8888', 'syn syn-ack dns'],
    ['tcp src port 8888', 'syn-ack'],
    ['udp port 8888', ''],
    ['portrange 60-80', 'udp tagged'],
    ['src or dst port 6000', 'udp ip6'],
    ['vlan', 'tagged'],
    ['vlan 100 and udp', 'tagged'],
    ['vlan 101', ''],
    ['less 42', 'dns ping unreachable arp'],
    ['greater 100', 'udp'],
    ['len > 100', 'udp'],
    ['ether src 02:42:0a:00:00:02 and arp', 'arp'],
    ['ether dst 02:42:0a:00:00:02', ''],
    ['ip proto 1', 'ping unreachable'],
    ['ip6 proto \\udp', 'ip6'],
    ['ether proto 0x806', 'arp'],
    ['tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'syn syn-ack'],
    ['tcp[13] = 2', 'syn'],
    ['icmp[icmptype] = icmp-unreach && icmp[icmpcode] == 4', 'unreachable'],
    ['ip[6:2] & 0x1fff != 0', 'fragment'],
    ['(ip[0] & 0xf) << 2 = 20 and tcp', 'syn syn-ack'],
    ['((tcp[12] & 0xf0) >> 2) = 20', 'syn syn-ack'],
    ['udp[4:2] - 8 > 100', 'udp'],
    ['ether[12:2] = 0x86dd', 'ip6'],
    ['(tcp or icmp) and not (port 8888)', 'ping unreachable'],
    ['tcp or udp and port 53', 'dns'],
    ['! tcp && ! udp && ! arp', 'ping unreachable'],
    ['ip6 multicast', 'ip6'],
    ['ip[1000] = 0', ''],
    ['ip[1000] != 0', ''],
  ]
  for (const [expression, expected] of cases) {
    it(`"${expression}" wants ${expected || 'nothing'}`, () => assert.equal(wanted(expression), expected))
  }

  it('reads bare IP packets', () => {
    assert.equal(wanted('tcp port 8888', LinkType.RAW, 14), 'syn syn-ack')
    assert.equal(wanted('ether host 02:42:0a:00:00:02', LinkType.RAW, 14), '')
  })

  const wrong: readonly (readonly [string, number, RegExp])[] = [
    ['tcp and', 7, /expected a condition.*the filter ends there/],
    ['host www.example.org', 5, /names are not looked up/],
    ['port sesame', 5, /a port number/],
    ['(tcp', 4, /expected "\)"/],
    ['tcp)', 3, /expected "and", "or" or the end; found "\)"/],
    ['tcp[13', 6, /expected "\]"/],
    ['tcp[0:3] = 1', 6, /1, 2 or 4/],
    ['tcp[0]', 6, /a comparison needs one of/],
    ['net 10.0.0.1/8', 4, /host bits zero/],
    ['ether', 5, /"ether" needs/],
    ['vlan 5000', 5, /at most 4095/],
    ['gizmo[0] = 1', 5, /"gizmo" is no header/],
    ['arp port 5', 9, /"arp" has no ports/],
    ['tcp # udp', 4, /"#" does not belong/],
    ['('.repeat(100), 64, /too many parentheses/],
    ['not '.repeat(100), 256, /nested too deep/],
    ['x'.repeat(20000), 16384, /at most 16384 characters/],
  ]
  for (const [expression, at, message] of wrong) {
    it(`says where "${expression.slice(0, 24)}" is wrong`, () => {
      assert.throws(
        () => compileFilter(expression),
        (error) => error instanceof FilterSyntaxError && message.test(error.message) && error.at === at,
      )
    })
  }

  it('throws nothing but a syntax error, whatever the words', () => {
    const words = fc.constantFrom(
      ...'tcp udp ip ether host port net src dst and or not ( ) [ ] = != & | << len vlan 80 0xff 10.0.0.1 ::1 10/8 less proto tcpflags mask : - 1-2 multicast'.split(
        ' ',
      ),
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 14 }), fc.nat({ max: CORPUS.length - 1 }), (list, index) => {
        try {
          const bytes = CORPUS[index]!
          const frame = { bytes, view: viewOf(bytes), start: 0, end: bytes.length, wireLength: 60, linkType: 1 }
          assert.equal(typeof compileFilter(list.join(' ')).matches(frame), 'boolean')
        } catch (error) {
          assert.ok(error instanceof FilterSyntaxError, String(error))
        }
      }),
      { numRuns: 5000 },
    )
  })
})
