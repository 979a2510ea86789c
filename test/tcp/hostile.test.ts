import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { below, chance, type Rng, seededRng } from '../../src/base/rng.ts'
import { consumed } from '../../src/tcp/receive/receive.ts'
import { Tcb } from '../../src/tcp/tcb.ts'
import { encode, type Notation, type OptionNotation, writeTcpChecksum } from './notation.ts'
import { Peer } from './peer.ts'

/** Conversations to try: GOTCP_FUZZ counts frames, about eighty to each. */
const RUNS = Math.ceil(Number(process.env['GOTCP_FUZZ'] ?? 160_000) / 80)
const STEPS = 80
const HOUR = 3_600_000
const FLAGS = ['.', '.', '.', 'P.', 'P.', 'F.', 'S', 'S.', 'R', 'R.', 'F', '', 'SF', 'SFRPU.', 'FRP.', 'U.']
const SIZES = [0, 0, 0, 1, 2, 10, 100, 999, 1000, 1001, 1460, 5000]
const WINDOWS = [0, 0, 1, 100, 1000, 5000, 65_535, 65_535, 65_535]
const NEAR = [
  -100_000,
  -65_536,
  -1001,
  -1000,
  -2,
  -1,
  0,
  0,
  0,
  0,
  1,
  2,
  999,
  1000,
  5000,
  65_535,
  65_536,
  2 ** 30,
  -(2 ** 31),
]

const pick = <T>(rng: Rng, list: readonly T[]): T => list[below(rng, list.length)]!

/** A segment that is nearly right: every field stands near an edge that the connection has. */
function nearlyRight(rng: Rng, peer: Peer, tcb: Tcb): Notation {
  const { us, them } = peer
  const seq = (tcb.rcv.nxt - them.iss) | 0
  const edges = [tcb.snd.una, tcb.snd.nxt, tcb.snd.nxt, tcb.snd.iss]
  const ack = (pick(rng, edges) - us.iss) | 0
  const options: OptionNotation = {}
  if (tcb.timestamps ? chance(rng, 0.95) : chance(rng, 0.1)) {
    options.ts = { val: tcb.tsRecent + (chance(rng, 0.9) ? below(rng, 3) : pick(rng, NEAR)), ecr: rng() }
  }
  if (chance(rng, 0.3)) {
    const edge = (): number => ((pick(rng, edges) - us.iss) | 0) + pick(rng, [0, 0, 1, 500, 1000, 2000, -1, 100_000])
    options.sack = Array.from({ length: 1 + below(rng, options.ts ? 3 : 4) }, () => [edge(), edge()] as const)
  }
  return {
    flags: pick(rng, FLAGS),
    seq: (seq + (chance(rng, 0.5) ? 0 : pick(rng, NEAR))) | 0,
    length: pick(rng, SIZES),
    ack: (ack + (chance(rng, 0.7) ? 0 : pick(rng, NEAR))) | 0,
    window: pick(rng, WINDOWS),
    options,
  }
}

/** Feeds one segment, as it is, damaged, or as a super-segment. */
function attack(rng: Rng, peer: Peer, tcb: Tcb): void {
  const bytes = encode(nearlyRight(rng, peer, tcb), peer.them, peer.us)
  if (chance(rng, 0.2)) {
    for (let changes = 1 + below(rng, 4); changes > 0; changes--) {
      bytes[chance(rng, 0.8) ? 20 + below(rng, Math.min(40, bytes.length - 20)) : below(rng, bytes.length)] = rng()
    }
    // The ends stay, or nobody would look at it.
    new DataView(bytes.buffer).setUint32(20, (peer.them.port << 16) | peer.us.port)
    writeTcpChecksum(bytes)
  }
  if (chance(rng, 0.2)) peer.feed(bytes, 'partial', pick(rng, [0, 1, 100, 1000, 65_535]))
  else peer.feed(bytes)
}

function use(rng: Rng, peer: Peer, tcb: Tcb): void {
  switch (below(rng, 12)) {
    case 0:
    case 1:
    case 2:
      peer.write(pick(rng, [1, 10, 1000, 3000, 50_000]))
      break
    case 3:
    case 4:
      peer.do(() => {
        const count = Math.min(tcb.receiveRing.peek().length, pick(rng, [1, 100, 100_000]))
        if (count > 0) consumed(tcb, count, peer.tcp.now)
      })
      break
    case 5:
      peer.do('close')
      break
    case 6:
      if (chance(rng, 0.3)) peer.do('closeBoth')
      break
    case 7:
      if (chance(rng, 0.1)) peer.do('abort')
      break
    case 8:
      peer.do((it) => {
        it.cork = !it.cork && !it.finQueued
      })
      break
    default:
      peer.wait(pick(rng, [1, 5, 41, 200, 1000, 10_000]))
  }
}

function begin(rng: Rng, seed: number): Peer {
  const peer = new Peer({ seed, offload: chance(rng, 0.5), mtu: pick(rng, [1500, 1500, 576, 68, 9000]) })
  peer.reads = false
  const settings = { userTimeout: 60_000, receiveBuffer: pick(rng, [2048, 10_000, 4_194_304]) }
  const offers = [
    'mss 1000',
    'mss 1460,sackOK',
    'mss 1460,sackOK,wscale 7',
    'mss 1460,sackOK,TS val 7 ecr 0,wscale 2',
    'nop',
  ]
  const syn = pick(rng, offers)
  const stamp = syn.includes('TS') ? '<TS val 8 ecr 0>' : '<nop>'
  const reach = below(rng, 8)
  if (chance(rng, 0.5)) {
    // By Fast Open the data of the SYN counts.
    const length = chance(rng, 0.3) ? 10 : 0
    peer.tcp.fastOpen.configure({ serverWithoutCookie: length > 0 })
    peer.listen({ ...settings, fastOpen: 4 })
    peer.send(`S 0:${length}(${length}) win ${pick(rng, WINDOWS)} <${syn}>`)
    peer.next()
    if (length > 0 && chance(rng, 0.7)) peer.accept()
    else if (reach > 0) peer.send(`. ${1 + length}:${1 + length}(0) ack 1 ${stamp}`)
    if (peer.listener!.waiting > 0) peer.accept()
  } else {
    const fastOpen = chance(rng, 0.3)
    peer.tcp.fastOpen.configure({ clientWithoutCookie: true })
    peer.connect({ ...settings, connectTimeout: 60_000, fastOpen })
    if (fastOpen && (reach > 0 || chance(rng, 0.5))) peer.write(pick(rng, [1, 1000, 5000]))
    if (reach > 1) peer.send(`S. 0:0(0) ack 1 win ${pick(rng, WINDOWS)} <${syn}>`)
    else if (reach > 0) peer.send(`S 0:0(0) win 500 <${syn}>`)
  }
  if (reach === 3 || reach === 4) peer.do('close')
  if (reach === 4) peer.send(`. 1:1(0) ack 2 ${stamp}`)
  if (reach === 5 || reach === 6) peer.send(`F. 1:1(0) ack 1 ${stamp}`)
  if (reach === 6) peer.do('close')
  if (reach === 7) {
    peer.do('close')
    peer.send(`F. 1:1(0) ack 1 ${stamp}`)
  }
  return peer
}

describe('hostile segments', () => {
  it('in every state throw nothing, grow nothing, and every connection ends in bounded time', () => {
    const reached = new Set<string>()
    for (let seed = 1; seed <= RUNS; seed++) {
      const rng = seededRng(seed)
      const peer = begin(rng, seed)
      const { tcb } = peer
      try {
        for (let i = 0; i < STEPS; i++) {
          reached.add(tcb.state)
          if (chance(rng, 0.7)) attack(rng, peer, tcb)
          else use(rng, peer, tcb)
        }
        // The peer falls silent, and the user wants no more: every state is left.
        for (const entry of peer.tcp.connections) if (entry instanceof Tcb && entry === tcb) peer.do('closeBoth')
        if (peer.listener !== undefined) peer.tcp.unlisten(peer.listener)
        const fired = peer.timers.length
        peer.wait(HOUR)
        assert.equal(peer.tcp.size, 0, 'nothing is left')
        assert.equal(peer.stack.ports.size, 0)
        assert.ok(peer.timers.length - fired < 200, `${peer.timers.length - fired} timers in an hour of silence`)
      } catch (error) {
        throw new Error(`seed ${seed}, state ${tcb.state}: ${(error as Error).message}`, { cause: error })
      }
    }
    const all = [
      'SYN-SENT',
      'SYN-RECEIVED',
      'ESTABLISHED',
      'FIN-WAIT-1',
      'FIN-WAIT-2',
      'CLOSE-WAIT',
      'CLOSING',
      'LAST-ACK',
      'TIME-WAIT',
      'CLOSED',
    ]
    for (const state of all) assert.ok(reached.has(state), `${state} was tried`)
  })

  it('of a peer that sends whatever fits the window hold no more than the buffer', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rng = seededRng(seed)
      const peer = new Peer({ seed })
      peer.reads = false
      peer.listen({ receiveBuffer: 100_000 })
      peer.send('S 0:0(0) <mss 1460,sackOK,wscale 7>')
      peer.next()
      peer.send('. 1:1(0) ack 1')
      peer.accept()
      for (let i = 0; i < 2000; i++) {
        const at = ((peer.tcb.rcv.nxt - peer.them.iss) | 0) + (chance(rng, 0.4) ? 0 : below(rng, 110_000))
        const length = 1 + below(rng, 1460)
        peer.send(`P. ${at}:${at + length}(${length}) ack 1`)
      }
      assert.ok(peer.tcb.receiveRing.bytes.length <= 262_144)
      assert.ok(peer.tcb.receiveRing.length <= 100_000 + 128)
    }
  })
})
