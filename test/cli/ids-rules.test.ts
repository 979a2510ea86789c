import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { foldSum, pseudoSum } from '../../src/base/checksum.ts'
import { Detector } from '../../src/cli/ids/detector.ts'
import { makeRules } from '../../src/cli/ids/rules.ts'
import { A, arp, B, icmp, ip, ipv4, mac, tcp, udp, viewOf } from '../wire/build.ts'
import { brief, packetOf, watch } from './ids-watch.ts'

const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const RST = 0x04
const RST_ACK = 0x14

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))

/** A connection from `srcPort` to port 80 of B, opened and used. */
const connection = (srcPort: number): Uint8Array[] => [
  tcp({ srcPort, dstPort: 80, flags: SYN }),
  tcp({ src: B, dst: A, srcPort: 80, dstPort: srcPort, flags: SYN_ACK, seq: 7, ack: 1001 }),
  tcp({ srcPort, dstPort: 80, flags: ACK, seq: 1001, ack: 8 }),
]

describe('syn-scan', () => {
  it('sees a source that tries port after port', () => {
    const alerts = watch(
      times(57, (i) => tcp({ dstPort: 1 + i, flags: SYN })),
      10,
    )
    assert.deepEqual(brief(alerts), ['syn-scan 10.0.0.2 x1', 'syn-scan 10.0.0.2 x38'])
    assert.match(alerts[0]!.evidence, /^20 ports of 10\.0\.0\.3 in 0\.19 s, the last 10\.0\.0\.3:20$/)
    assert.equal(alerts[0]!.severity, 'medium')
  })

  it('sees the same although the closed ports refuse', () => {
    const frames = times(25, (i) => [
      tcp({ dstPort: 1 + i, flags: SYN }),
      tcp({ src: B, dst: A, srcPort: 1 + i, dstPort: 40000, flags: RST_ACK, seq: 0, ack: 1001 }),
    ])
    assert.deepEqual(brief(watch(frames.flat(), 10)), ['syn-scan 10.0.0.2 x1', 'syn-scan 10.0.0.2 x6'])
  })

  it('sees one port tried on host after host', () => {
    const alerts = watch(
      times(20, (i) => tcp({ dst: ip(`10.0.1.${i + 1}`), dstPort: 22, flags: SYN })),
      10,
    )
    assert.match(alerts[0]!.evidence, /^20 ports on 20 hosts/)
  })

  it('says nothing of many connections that are accepted', () => {
    const browser = times(60, (i) => [
      tcp({ dst: ip(`10.0.1.${i + 1}`), dstPort: 443, flags: SYN }),
      tcp({ src: ip(`10.0.1.${i + 1}`), dst: A, srcPort: 443, dstPort: 40000, flags: SYN_ACK, ack: 1001 }),
    ])
    assert.deepEqual(watch(browser.flat(), 10), [])
  })

  it('says nothing of tries spread over minutes, or of one SYN sent again', () => {
    assert.deepEqual(
      watch(
        times(40, (i) => tcp({ dstPort: 1 + i, flags: SYN })),
        1000,
      ),
      [],
    )
    assert.deepEqual(
      watch(
        times(40, () => tcp({ flags: SYN })),
        10,
      ),
      [],
    )
  })

  it('goes by another number when told', () => {
    const frames = times(30, (i) => tcp({ dstPort: 1 + i, flags: SYN }))
    assert.equal(watch(frames, 10, new Map([['syn-scan', 50]])).length, 0)
    assert.equal(watch(frames, 10, new Map([['syn-scan', 30]])).length, 1)
  })
})

describe('syn-flood', () => {
  it('sees half-open connections pile up at a port', () => {
    const alerts = watch(
      times(150, (i) => tcp({ src: ip(`10.1.${i >> 8}.${i & 255}`), srcPort: 1024 + i, dstPort: 80, flags: SYN })),
      5,
    )
    assert.deepEqual(brief(alerts), ['syn-flood 10.0.0.3:80 x1', 'syn-flood 10.0.0.3:80 x51'])
    assert.match(alerts[0]!.evidence, /^100 half-open connections from 100 addresses in 0\.49 s$/)
  })

  it('says nothing of a busy server', () => {
    assert.deepEqual(watch(times(500, (i) => connection(1024 + i)).flat(), 1), [])
  })
})

describe('ping-sweep', () => {
  it('sees echo requests to address after address', () => {
    const alerts = watch(
      times(20, (i) => icmp({ type: 8, dst: ip(`10.0.0.${i + 10}`) })),
      100,
    )
    assert.deepEqual(brief(alerts), ['ping-sweep 10.0.0.2 x1', 'ping-sweep 10.0.0.2 x5'])
    assert.match(alerts[0]!.evidence, /^16 addresses pinged in 1\.50 s, the last 10\.0\.0\.25$/)
  })

  it('sees the same by ARP', () => {
    const alerts = watch(
      times(16, (i) => arp({ targetIp: ip(`10.0.0.${i + 10}`) })),
      10,
    )
    assert.match(alerts[0]!.evidence, /^16 addresses asked for by ARP/)
  })

  it('says nothing of pings to a few hosts, of replies, and of a gratuitous ARP', () => {
    assert.deepEqual(
      watch(
        times(300, (i) => icmp({ type: 8, dst: ip(`10.0.0.${10 + (i % 5)}`) })),
        10,
      ),
      [],
    )
    assert.deepEqual(
      watch(
        times(30, (i) => icmp({ type: 0, dst: ip(`10.0.0.${i + 10}`) })),
        10,
      ),
      [],
    )
    const announce = times(30, (i) => arp({ senderIp: ip(`10.0.0.${i + 10}`), targetIp: ip(`10.0.0.${i + 10}`) }))
    assert.deepEqual(watch(announce, 10), [])
  })
})

describe('arp-spoof', () => {
  const owner = mac('02:42:0a:00:00:01')
  const thief = mac('02:66:66:66:66:66')
  const claim = (senderMac: typeof owner): Uint8Array => arp({ operation: 2, senderIp: ip('10.0.0.1'), senderMac })

  it('sees two stations claim one address', () => {
    const alerts = watch([claim(owner), claim(thief), claim(owner), claim(thief)], 1000)
    assert.deepEqual(brief(alerts), ['arp-spoof 10.0.0.1 x1', 'arp-spoof 10.0.0.1 x3'])
    assert.equal(alerts[0]!.evidence, 'claimed by 02:66:66:66:66:66, by 02:42:0a:00:00:01 until now')
    assert.equal(alerts[0]!.severity, 'high')
  })

  it('sees a claim that a third station sends', () => {
    const frame = claim(owner)
    viewOf(frame).setUint8(11, 0x99)
    assert.match(watch([frame], 0)[0]!.evidence, /^claimed for 02:42:0a:00:00:01 by 02:42:0a:00:00:99$/)
  })

  it('says nothing of an address that moves after a silence, of probes, of repeats', () => {
    assert.deepEqual(watch([claim(owner), claim(thief)], 200_000), [])
    const probes = [owner, thief].map((senderMac) =>
      arp({ senderMac, senderIp: ip('0.0.0.0'), targetIp: ip('10.0.0.1') }),
    )
    assert.deepEqual(watch(probes, 10), [])
    assert.deepEqual(
      watch(
        times(50, () => claim(owner)),
        10,
      ),
      [],
    )
  })
})

describe('reset-storm', () => {
  it('sees a source reset connection after connection', () => {
    const alerts = watch(
      times(80, (i) => tcp({ dstPort: 1024 + i, flags: i % 2 === 0 ? RST : RST_ACK, seq: 5000, ack: 9 })),
      10,
    )
    assert.deepEqual(brief(alerts), ['reset-storm 10.0.0.2 x1', 'reset-storm 10.0.0.2 x31'])
    assert.match(alerts[0]!.evidence, /^50 resets in 0\.49 s, the last to 10\.0\.0\.3:1073$/)
  })

  it('says nothing of refusals, nor of resets now and then', () => {
    const refusals = times(200, (i) => tcp({ dstPort: 1024 + i, flags: RST_ACK, seq: 0, ack: 1 }))
    assert.deepEqual(watch(refusals, 1), [])
    assert.deepEqual(
      watch(
        times(100, () => tcp({ flags: RST, seq: 5 })),
        1000,
      ),
      [],
    )
  })
})

describe('fragment-overlap', () => {
  const fragment = (offset: number, length: number, id = 7, more = true): Uint8Array =>
    ipv4(17, new Uint8Array(length), { fragmentOffset: offset, moreFragments: more, dontFragment: false, id })

  it('sees bytes sent twice in different fragments', () => {
    const alerts = watch([fragment(0, 1480), fragment(1472, 1480), fragment(8, 16)], 1)
    assert.deepEqual(brief(alerts), [
      'fragment-overlap 10.0.0.2 > 10.0.0.3 x1',
      'fragment-overlap 10.0.0.2 > 10.0.0.3 x2',
    ])
    assert.equal(alerts[0]!.evidence, 'packet 7: bytes 1472-2952 over 0-1480')
  })

  it('sees a fragment that ends behind the largest packet', () => {
    assert.match(watch([fragment(65528, 1480)], 1)[0]!.evidence, /^packet 7 would be 67028 bytes long$/)
  })

  it('says nothing of fragments in any order, of duplicates, of a number used again later', () => {
    assert.deepEqual(watch([fragment(1480, 1480), fragment(0, 1480), fragment(2960, 100, 7, false)], 1), [])
    assert.deepEqual(watch([fragment(0, 1480), fragment(0, 1480), fragment(1480, 20, 7, false)], 1), [])
    assert.deepEqual(watch([fragment(0, 1480), fragment(0, 1000)], 70_000), [])
    assert.deepEqual(watch([fragment(0, 1480, 7), fragment(8, 1480, 8)], 1), [])
  })
})

describe('bad-checksum', () => {
  const broken = (frame: Uint8Array, at: number): Uint8Array => {
    const copy = frame.slice()
    copy[at] = copy[at]! ^ 0x40
    return copy
  }

  it('sees damage in the header and in each transport', () => {
    const data = new Uint8Array(40)
    const kinds: readonly (readonly [Uint8Array, number, RegExp])[] = [
      [tcp({ data }), 60, /^5 in 0\.04 s, the last that of TCP to 10\.0\.0\.3$/],
      [udp({ data }), 50, /that of UDP/],
      [icmp({ type: 8, data }), 50, /that of ICMP/],
      [tcp({ data }), 22, /that of the IPv4 header/],
    ]
    for (const [frame, at, evidence] of kinds) {
      const alerts = watch(
        times(6, () => broken(frame, at)),
        10,
      )
      assert.deepEqual(brief(alerts), ['bad-checksum 10.0.0.2 x1', 'bad-checksum 10.0.0.2 x2'])
      assert.match(alerts[0]!.evidence, evidence)
    }
  })

  it('says nothing of correct ones, of none, of a single wrong one, of fragments', () => {
    const good = [tcp({}), udp({}), udp({ checksum: false, data: new Uint8Array(9) }), icmp({ type: 8 })]
    assert.deepEqual(
      watch(
        times(100, (i) => good[i % good.length]!),
        1,
      ),
      [],
    )
    assert.deepEqual(watch([broken(tcp({}), 40)], 1), [])
    const fragment = ipv4(17, new Uint8Array(64).fill(1), { moreFragments: true, dontFragment: false })
    assert.deepEqual(
      watch(
        times(20, () => fragment),
        1,
      ),
      [],
    )
  })

  it('says nothing of checksums left to the hardware, marked so or recognized in a file', () => {
    const frame = tcp({ data: new Uint8Array(100).fill(3) })
    const length = frame.length - 34
    viewOf(frame).setUint16(34 + 16, foldSum(pseudoSum(A, B, 6, length)))
    assert.deepEqual(
      watch(
        times(20, () => frame),
        1,
      ),
      [],
    )
    const detector = new Detector(makeRules(), () => assert.fail('an alert'))
    for (let i = 0; i < 20; i++) detector.watch(packetOf(broken(tcp({}), 40), i, true))
  })
})

describe('Detector', () => {
  it('says a lasting alert again every ten seconds, with its count', () => {
    const frames = times(400, (i) => tcp({ dstPort: 1 + i, flags: SYN }))
    const counts = watch(frames, 100).map((alert) => alert.count)
    assert.deepEqual(counts, [1, 101, 201, 301, 381])
  })

  it('says nothing of an ordinary afternoon', () => {
    const page = times(30, (i) => [
      arp({ operation: i % 2 === 0 ? 1 : 2, senderIp: A, targetIp: B }),
      udp({ dstPort: 53, srcPort: 5000 + i }),
      udp({ src: B, dst: A, srcPort: 53, dstPort: 5000 + i }),
      ...connection(2000 + i),
      icmp({ type: 8 }),
      icmp({ type: 0, src: B, dst: A }),
    ])
    assert.deepEqual(watch(page.flat(), 5), [])
  })
})
