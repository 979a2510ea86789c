import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { below, seededRng } from '../../src/base/rng.ts'
import { ArpHeader } from '../../src/wire/arp.ts'
import { EthernetHeader } from '../../src/wire/ethernet.ts'
import { compileFilter } from '../../src/wire/filter/filter.ts'
import { formatFrame } from '../../src/wire/format/frame.ts'
import { FORMAT_DEFAULTS, type FormatOptions } from '../../src/wire/format/options.ts'
import { SequenceBases } from '../../src/wire/format/sequence-bases.ts'
import { IcmpHeader } from '../../src/wire/icmp.ts'
import { Ipv4Header } from '../../src/wire/ipv4.ts'
import { checkIpv4Options } from '../../src/wire/ipv4-options.ts'
import { Ipv6Header } from '../../src/wire/ipv6.ts'
import { LinkType } from '../../src/wire/pcap-record.ts'
import { TcpHeader } from '../../src/wire/tcp.ts'
import { TcpOptions } from '../../src/wire/tcp-options.ts'
import { UdpHeader } from '../../src/wire/udp.ts'
import { viewOf } from './build.ts'
import { FUZZ_FRAMES, mutant } from './mutate.ts'

/** No line is longer than this: nothing in a frame may multiply itself without bound. */
const MAX_TEXT = 200_000

describe(`${FUZZ_FRAMES} random and mutated frames`, () => {
  it('pass the parsers: each verdict is a reason or a header within the frame', () => {
    const rng = seededRng(1)
    const ethernet = new EthernetHeader()
    const ipv4 = new Ipv4Header()
    const others = [new ArpHeader(), new Ipv6Header(), new IcmpHeader(), new UdpHeader(), new TcpHeader()]
    const tcp = new TcpHeader()
    const options = new TcpOptions()
    for (let i = 0; i < FUZZ_FRAMES; i++) {
      const bytes = mutant(rng)
      // A view that ends with the frame makes every read behind the end throw.
      const exact = bytes.slice()
      const view = viewOf(exact)
      const end = exact.length
      if (ethernet.parse(view, 0, end) !== undefined) continue
      const at = ethernet.payloadAt
      for (const header of others) {
        if (header.parse(view, at, end) === undefined) assert.ok(header.payloadAt <= end)
      }
      if (ipv4.parse(view, at, end) !== undefined) continue
      assert.ok(ipv4.payloadAt <= ipv4.end && ipv4.end <= end)
      if (ipv4.optionsAt > 0) checkIpv4Options(view, ipv4.optionsAt, ipv4.payloadAt)
      if (tcp.parse(view, ipv4.payloadAt, ipv4.end) !== undefined) continue
      assert.equal(tcp.payloadAt + tcp.payloadLen, ipv4.end)
      options.parse(view, tcp.optionsAt, tcp.payloadAt)
      assert.ok(options.sackCount <= 4)
    }
  })

  it('are put into words of bounded length', () => {
    const rng = seededRng(2)
    const bases = new SequenceBases()
    const links = [
      LinkType.ETHERNET,
      LinkType.ETHERNET,
      LinkType.RAW,
      LinkType.NULL,
      LinkType.LINUX_SLL,
      LinkType.LINUX_SLL2,
    ]
    const styles: readonly FormatOptions[] = [
      FORMAT_DEFAULTS,
      { ...FORMAT_DEFAULTS, link: true },
      { ...FORMAT_DEFAULTS, verbose: 1 },
      { ...FORMAT_DEFAULTS, verbose: 3, link: true },
      { ...FORMAT_DEFAULTS, quiet: true, absoluteSeq: true },
    ]
    for (let i = 0; i < FUZZ_FRAMES; i++) {
      const bytes = mutant(rng).slice()
      const frame = {
        bytes,
        start: 0,
        end: bytes.length,
        wireLength: bytes.length + below(rng, 3) * 100,
        linkType: links[i % links.length]!,
      }
      const text = formatFrame(frame, styles[i % styles.length]!, bases)
      assert.ok(text.length <= MAX_TEXT, `frame ${i} makes ${text.length} characters`)
    }
    assert.ok(bases.size <= 65536)
  })

  it('are judged by filters', () => {
    const rng = seededRng(3)
    const filters = [
      'tcp[tcpflags] & tcp-syn != 0 or icmp[0] = 3 or udp[4:2] > 100',
      'host 10.0.0.2 and (port 53 or portrange 60-90) or net 2001:db8::/32',
      'ip6 proto 58 or vlan 100 or ether multicast or ip[6:2] & 0x1fff != 0',
    ].map(compileFilter)
    for (let i = 0; i < FUZZ_FRAMES; i++) {
      const bytes = mutant(rng).slice()
      const frame = {
        bytes,
        view: viewOf(bytes),
        start: 0,
        end: bytes.length,
        wireLength: 100,
        linkType: i % 7 === 0 ? 101 : 1,
      }
      for (const filter of filters) assert.equal(typeof filter.matches(frame), 'boolean')
    }
  })
})
