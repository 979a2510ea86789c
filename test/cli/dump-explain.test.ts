import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import { Explainer } from '../../src/cli/dump/explainer.ts'
import { A, arp, B, icmp, ip, ipv4, ipv6, type TcpFields, tcp, tcpSegment, udp } from '../wire/build.ts'
import { mutant } from '../wire/mutate.ts'
import { packetOf } from './ids-watch.ts'

const CLIENT = '10.0.0.2:40000'
const SERVER = '10.0.0.3:8888'
const [SYN, ACK, PSH_ACK, FIN_ACK, SYN_ACK, RST, RST_ACK] = [0x02, 0x10, 0x18, 0x11, 0x12, 0x04, 0x14]

const out = (fields: TcpFields): Uint8Array => tcp(fields)
const back = (fields: TcpFields): Uint8Array => tcp({ src: B, dst: A, srcPort: 8888, dstPort: 40000, ...fields })
const data = (length: number): Uint8Array => new Uint8Array(length)

const HANDSHAKE = [
  out({ flags: SYN, seq: 100 }),
  back({ flags: SYN_ACK, seq: 500, ack: 101 }),
  out({ flags: ACK, seq: 101, ack: 501 }),
]

/** What is said of the last frames, after those before. */
function told(before: readonly Uint8Array[], ...frames: readonly Uint8Array[]): string[] {
  const explainer = new Explainer()
  for (const frame of before) explainer.explain(packetOf(frame, 0))
  return frames.flatMap((frame) => explainer.explain(packetOf(frame, 0)))
}

describe('Explainer', () => {
  it('tells a handshake', () => {
    assert.deepEqual(told([], ...HANDSHAKE), [
      'asks for a connection (RFC 9293 §3.5, figure 6)',
      `${CLIENT} CLOSED → SYN-SENT`,
      'accepts, and asks back (RFC 9293 §3.5, figure 6)',
      `${SERVER} LISTEN → SYN-RECEIVED`,
      `${CLIENT} SYN-SENT → ESTABLISHED`,
      'acknowledges; the handshake is complete (RFC 9293 §3.5)',
      `${SERVER} SYN-RECEIVED → ESTABLISHED`,
    ])
  })

  it('tells a close, one side after the other', () => {
    const close = [
      out({ flags: FIN_ACK, seq: 101, ack: 501 }),
      back({ flags: ACK, seq: 501, ack: 102 }),
      back({ flags: FIN_ACK, seq: 501, ack: 102 }),
      out({ flags: ACK, seq: 102, ack: 502 }),
    ]
    assert.deepEqual(told(HANDSHAKE, ...close), [
      'has no more to send (RFC 9293 §3.6)',
      `${CLIENT} ESTABLISHED → FIN-WAIT-1`,
      `${SERVER} ESTABLISHED → CLOSE-WAIT`,
      'acknowledges the FIN',
      `${CLIENT} FIN-WAIT-1 → FIN-WAIT-2`,
      'has no more to send (RFC 9293 §3.6)',
      `${SERVER} CLOSE-WAIT → LAST-ACK`,
      `${CLIENT} FIN-WAIT-2 → TIME-WAIT`,
      'acknowledges the FIN',
      `${SERVER} LAST-ACK → CLOSED`,
    ])
  })

  it('tells a simultaneous close', () => {
    const fins = [out({ flags: FIN_ACK, seq: 101, ack: 501 }), back({ flags: FIN_ACK, seq: 501, ack: 101 })]
    const acks = [out({ flags: ACK, seq: 102, ack: 502 }), back({ flags: ACK, seq: 502, ack: 102 })]
    const changes = told(HANDSHAKE, ...fins, ...acks).filter((line) => line.includes('→'))
    assert.deepEqual(changes.slice(-4), [
      `${SERVER} CLOSE-WAIT → CLOSING`,
      `${CLIENT} FIN-WAIT-1 → CLOSING`,
      `${SERVER} CLOSING → TIME-WAIT`,
      `${CLIENT} CLOSING → TIME-WAIT`,
    ])
  })

  it('tells a refusal, a reset, a SYN sent again', () => {
    const refusal = back({ flags: RST_ACK, seq: 0, ack: 101 })
    assert.deepEqual(told(HANDSHAKE.slice(0, 1), refusal), [
      'refuses: nothing listens there (RFC 9293 §3.5.2)',
      `${CLIENT} SYN-SENT → CLOSED`,
    ])
    assert.match(told(HANDSHAKE, out({ flags: RST, seq: 101 }))[0]!, /^ends the connection at once/)
    assert.match(told(HANDSHAKE.slice(0, 1), HANDSHAKE[0]!)[0]!, /^asks again: no answer came in time/)
    assert.match(told(HANDSHAKE.slice(0, 2), HANDSHAKE[1]!)[0]!, /^its SYN again/)
  })

  it('tells new data, a gap, data sent again, and acknowledgments', () => {
    const first = out({ flags: PSH_ACK, seq: 101, ack: 501, data: data(10) })
    const third = out({ flags: PSH_ACK, seq: 121, ack: 501, data: data(10) })
    const again = out({ flags: PSH_ACK, seq: 111, ack: 501, data: data(10) })
    const duplicate = back({ flags: ACK, seq: 501, ack: 111 })
    const sack = Int32Array.of(121, 131, 0, 0, 0, 0, 0, 0)
    const selective = back({ flags: ACK, seq: 501, ack: 111, options: { sackCount: 1, sack } })
    assert.deepEqual(told(HANDSHAKE, first, duplicate, third, selective, duplicate, duplicate, again), [
      '10 bytes of new data',
      'acknowledges 10 bytes',
      '10 bytes behind a gap of 10 bytes: lost, or overtaken (RFC 9293 §3.4)',
      'duplicate acknowledgment 1: something before is missing (RFC 5681 §3.2)',
      'holds 1 piece behind the gap (RFC 2018)',
      'duplicate acknowledgment 2: something before is missing (RFC 5681 §3.2)',
      'duplicate acknowledgment 3: something before is missing; the third makes the sender repair at once (RFC 5681 §3.2)',
      'sends 10 bytes again (RFC 6298 §5, RFC 5681 §3.2)',
    ])
  })

  it('tells a closed window, its opening, and a keep-alive', () => {
    const before = [...HANDSHAKE, out({ flags: PSH_ACK, seq: 101, ack: 501, data: data(10) })]
    const closed = back({ flags: ACK, seq: 501, ack: 111, window: 0 })
    const open = back({ flags: ACK, seq: 501, ack: 111, window: 5000 })
    const keepAlive = out({ flags: ACK, seq: 110, ack: 501 })
    assert.deepEqual(told(before, closed, open, keepAlive), [
      'acknowledges 10 bytes; its window is closed (RFC 9293 §3.8.6)',
      'window update: it has room for 5000 bytes (RFC 9293 §3.8.6.2.2)',
      'keep-alive: are you still there? (RFC 9293 §3.8.4)',
    ])
  })

  it('takes up a connection in the middle, and IPv6', () => {
    assert.deepEqual(told([], out({ flags: FIN_ACK, seq: 9, ack: 9 }))[1], `${CLIENT} ESTABLISHED → FIN-WAIT-1`)
    const six = ipv6(
      6,
      tcpSegment({ flags: SYN }),
      '20010db8000000000000000000000001',
      'fe800000000000000000000000000002',
    )
    assert.equal(told([], six)[1], '[2001:db8::1]:40000 CLOSED → SYN-SENT')
  })

  it('tells the rest in a sentence', () => {
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [arp({}), /^asks every station on the link which one has 10\.0\.0\.3/],
      [arp({ operation: 2 }), /^tells its station's address/],
      [arp({ targetIp: A }), /^announces its own address/],
      [arp({ senderIp: ip('0.0.0.0') }), /^probes whether 10\.0\.0\.3 is taken/],
      [udp({}), /^a datagram/],
      [icmp({ type: 3, code: 4 }), /RFC 1191/],
      [
        ipv4(17, data(8), { fragmentOffset: 1480, dontFragment: false }),
        /^bytes 1480-1488 of packet 4242, the last piece/,
      ],
    ]
    for (const [frame, expected] of cases) assert.match(told([], frame)[0]!, expected)
    assert.deepEqual(told([], ipv4(99, data(3))), [])
  })

  it('never throws, whatever the frame', () => {
    const rng = seededRng(6)
    const explainer = new Explainer()
    for (let i = 0; i < 50_000; i++) {
      for (const sentence of explainer.explain(packetOf(mutant(rng).slice(), i))) assert.ok(sentence.length < 200)
    }
  })
})
