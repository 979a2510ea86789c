import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PingTally } from '../../src/cli/ping/tally.ts'
import { errorLine, heading, patternLine, replyLine, roundTrip } from '../../src/cli/ping/words.ts'
import type { PingReply } from '../../src/stack/ping-events.ts'
import { PingStats } from '../../src/stack/ping-stats.ts'
import { gotcp } from './world.ts'

const REPLY: PingReply = {
  type: 'reply',
  seq: 1,
  from: '172.20.0.3',
  ttl: 64,
  bytes: 64,
  rttUs: 412,
  isDuplicate: false,
  isCorrupt: false,
  isAltered: false,
}

describe("ping's lines", () => {
  it('begin with the sizes of data and packet', () => {
    assert.equal(heading('a', '10.0.0.1', 56, undefined), 'PING a (10.0.0.1) 56(84) bytes of data.')
    assert.equal(heading('a', '10.0.0.1', 0, '10.0.0.2'), 'PING a (10.0.0.1) from 10.0.0.2 : 0(28) bytes of data.')
  })

  it('name the pattern in hexadecimal', () => {
    assert.equal(patternLine(Uint8Array.of(0xff, 0, 0x0a)), 'PATTERN: 0xff000a')
  })

  it('tell replies and what is odd about them', () => {
    const line = '64 bytes from 172.20.0.3: icmp_seq=1 ttl=64 time=0.412 ms'
    assert.equal(replyLine(REPLY, 56), line)
    assert.equal(replyLine({ ...REPLY, isDuplicate: true }, 56), `${line} (DUP!)`)
    assert.equal(replyLine({ ...REPLY, isCorrupt: true, isAltered: true }, 56), `${line} (BAD CHECKSUM!)`)
    assert.equal(replyLine({ ...REPLY, isAltered: true }, 56), `${line} (WRONG DATA!)`)
    assert.equal(replyLine({ ...REPLY, bytes: 20 }, 56), '20 bytes from 172.20.0.3: icmp_seq=1 ttl=64 (truncated)')
    assert.equal(replyLine({ ...REPLY, rttUs: undefined }, 56), '64 bytes from 172.20.0.3: icmp_seq=1 ttl=64')
  })

  it('round times as iputils does', () => {
    const cases = [
      [5, '0.005'],
      [999, '0.999'],
      [49.6, '0.049'],
      [999.9, '0.999'],
      [1000, '1.00'],
      [9994, '9.99'],
      [9995, '10.0'],
      [99_949, '99.9'],
      [99_950, '100'],
      [1_234_567, '1235'],
    ] as const
    for (const [micros, text] of cases) assert.equal(roundTrip(micros), text)
  })

  it('name the ICMP errors', () => {
    const error = { type: 'error', seq: 3, from: '10.0.0.1', code: 'EHOSTUNREACH', mtu: 1400 } as const
    const icmp = (kind: 'unreachable' | 'time-exceeded', code: number) => ({
      ...error,
      icmp: { kind, code, local: false },
    })
    assert.equal(errorLine(icmp('unreachable', 1)), 'From 10.0.0.1 icmp_seq=3 Destination Host Unreachable')
    assert.equal(errorLine(icmp('unreachable', 4)), 'From 10.0.0.1 icmp_seq=3 Frag needed and DF set (mtu = 1400)')
    assert.equal(errorLine(icmp('unreachable', 77)), 'From 10.0.0.1 icmp_seq=3 Dest Unreachable, Bad Code: 77')
    assert.equal(errorLine(icmp('time-exceeded', 0)), 'From 10.0.0.1 icmp_seq=3 Time to live exceeded')
    assert.equal(
      errorLine({ ...error, code: 'EMSGSIZE', icmp: undefined }),
      'ping: local error: message too long, mtu=1400',
    )
  })
})

describe("ping's summary", () => {
  const stats = new PingStats()
  const tally = new PingTally()
  for (let seq = 1; seq <= 3; seq++) {
    stats.sent++
    tally.note({ type: 'sent', seq }, seq * 1000)
  }
  for (const rttUs of [400, 1600]) {
    stats.addReply(rttUs)
    tally.note({ ...REPLY, seq: 2, rttUs }, 3500)
  }
  stats.duplicates = 1

  it('counts, and says how long it took and how many were on the way', () => {
    assert.deepEqual(tally.summary('node2', stats.summary(), true), [
      '',
      '--- node2 ping statistics ---',
      '3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 2500ms',
      'rtt min/avg/max/mdev = 0.400/1.000/1.600/0.600 ms, pipe 2',
    ])
  })

  it('adds the gaps of a flood', () => {
    assert.match(tally.summary('node2', stats.summary(), false)[3]!, /, pipe 2, ipg\/ewma 1250\.000\/0\.550 ms$/)
  })

  it('gives one line while it runs', () => {
    assert.equal(tally.status(stats.summary()), '2/3 packets, 33% loss, min/avg/ewma/max = 0.400/1.000/0.550/1.600 ms')
  })

  it('has no times when nothing came back', () => {
    assert.deepEqual(new PingTally().summary('x', new PingStats().summary(), true), [
      '',
      '--- x ping statistics ---',
      '0 packets transmitted, 0 received',
      '',
    ])
  })
})

describe('gotcp ping refuses', () => {
  it('what makes no sense', async () => {
    for (const argv of [
      [],
      ['-dest', '1.2.3.4', '5.6.7.8'],
      ['1.2.3'],
      ['1.2.3.4', '-c', '0'],
      ['1.2.3.4', '-p', 'xyz'],
    ]) {
      const { code, stdout } = await gotcp('ping', ...argv)
      assert.deepEqual([code, stdout], [2, ''], argv.join(' '))
    }
  })

  it('says in its help that -i is the interface', async () => {
    assert.match((await gotcp('ping', '--help')).stdout, /-i is the interface/)
  })
})
