import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ACCEPTED, CONNECTED, fails, passes } from './run.ts'

const SYN = `${CONNECTED} +0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>`

describe('expected packets', () => {
  it('are held to every flag, number and option', () => {
    const written = (packet: string): string => `${ACCEPTED}
      +0 write(4, ..., 100) = 100
      +0 > ${packet}`
    passes(written('P. 1:101(100) ack 1'))
    passes(written('P. 1:101(100) ack 1 win 65535'))
    assert.match(fails(written('. 1:101(100) ack 1')).seen, /a flag is different/)
    assert.match(fails(written('PU. 1:101(100) ack 1')).seen, /a flag/)
    assert.match(fails(written('P. 2:102(100) ack 1')).seen, /the sequence number/)
    assert.match(fails(written('P. 1:101(100) ack 2')).seen, /the acknowledgment number/)
    assert.match(fails(written('P. 1:101(100) ack 1 win 65534')).seen, /the window/)
    assert.match(fails(written('P. 1:101(100) ack 1 <nop,nop,nop,nop>')).seen, /its options/)
    assert.match(fails(written('P. 1:100(99) ack 1')).seen, /its length/)
  })

  it('are held to the ECN codepoint, the type of service and the time to live where these are said', () => {
    const written = (packet: string): string => `${ACCEPTED}
      +0 write(4, ..., 100) = 100
      +0 > ${packet} P. 1:101(100) ack 1`
    passes(written('[noecn]'))
    passes(written('(ttl 64)'))
    assert.match(fails(written('[ect0]')).seen, /ECN codepoint/)
    assert.match(fails(written('[tos 0x8]')).seen, /type of service/)
    assert.match(fails(written('(ttl 63)')).seen, /time to live/)
  })

  it('are held to options in their order, and to none with <...>', () => {
    passes(SYN)
    passes(`${CONNECTED} +0 > S 0:0(0) <...>`)
    const other = (options: string): string => fails(`${CONNECTED} +0 > S 0:0(0) <${options}>`).seen
    assert.match(other('mss 1461,sackOK,TS val 100 ecr 0,nop,wscale 7'), /option "mss 1460"/)
    assert.match(other('mss 1460,sackOK,TS val 100 ecr 1,nop,wscale 7'), /timestamp it echoes/)
    assert.match(other('mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8'), /option "wscale 7"/)
    assert.match(other('sackOK,mss 1460,TS val 100 ecr 0,nop,wscale 7'), /its options/)
  })

  it('may be made up of several on the wire, unless segments are strict', () => {
    const bulk = `${ACCEPTED}
      +0 write(4, ..., 4000) = 4000
      +0 > P. 1:4001(4000) ack 1`
    passes(bulk)
    assert.match(fails(`--strict_segments\n${bulk}`).seen, /its length/)
    passes(`--strict_segments\n${bulk.replace('1:4001(4000)', '1:2001(2000)')}\n+0 > P. 2001:4001(2000) ack 1`)
  })

  it('that come in part are told so', () => {
    const failure = fails(`${ACCEPTED}
      +0 write(4, ..., 10) = 10
      +0 > P. 1:21(20) ack 1
      +0 write(4, ..., 10) = 10`)
    assert.match(failure.seen, /1:11\(10\).* and .*: a piece of it is different/)
    assert.equal(fails(`${CONNECTED} +0 > S 0:10(10) <...>`).expected, 'a packet')
  })

  it('have timestamps whose clock the first one sets', () => {
    const answered = (options: string, tick: string): string => `${tick}
      ${SYN}
      +.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,nop,nop,TS val 700 ecr 100>
      +0 > . 1:1(0) ack 1 <nop,nop,${options}>`
    passes(answered('TS val 200 ecr 700', ''))
    passes(answered('TS val 999 ecr 700', ''))
    passes(answered('TS val 200 ecr 700', '--tcp_ts_tick_usecs=1000'))
    assert.match(fails(answered('TS val 240 ecr 700', '--tcp_ts_tick_usecs=1000')).seen, /script's clock 200/)
    assert.match(fails(answered('TS val 200 ecr 701', '')).seen, /echoes/)
  })

  it('that nobody expects are passed over, and told when something else fails', () => {
    passes(`${ACCEPTED} +0 write(4, ..., 10) = 10\n+.1 < . 1:1(0) ack 11 win 65535\n+0 close(4) = 0`)
    const failure = fails(`${ACCEPTED} +0 write(4, ..., 10) = 10\n+.01 write(4, ..., 10) = 11`)
    assert.match(failure.unread.join(), /Flags \[P\.\], seq 1:11/)
    assert.match(failure.packets.join('\n'), /< IP 192\.0\.2\.1\.40000 > 192\.168\.0\.1\.8080: Flags \[S\]/)
    assert.match(failure.connection ?? '', /^ESTABLISHED cubic/)
  })
})

describe('injected packets', () => {
  it('count from the first SYN of each side, SYNs from what the script says', () => {
    passes(`
      0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
      +0 bind(3, ..., ...) = 0
      +0 listen(3, 1) = 0
      +0 < S 5000:5000(0) win 65535 <mss 1000,sackOK,nop,nop>
      +0 > S. 700:700(0) ack 5001 <...>
      +0 < . 1:1(0) ack 1 win 65535
      +0 accept(3, ..., ...) = 4
      +0 < P. 101:201(100) ack 1 win 65535
      +0 > . 1:1(0) ack 1 <nop,nop,sack 101:201>`)
  })

  it('echo timestamps that were sent, and none else', () => {
    const echoing = (ecr: number): string => `${SYN}
      +.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,nop,nop,TS val 700 ecr ${ecr}>
      +0 > . 1:1(0) ack 1 <...>`
    passes(echoing(100))
    assert.match(fails(echoing(101)).seen, /timestamp 101/)
    passes(`--tcp_ts_ecr_scaled\n${echoing(100)}`)
  })

  it('are ICMP errors about what was sent', () => {
    passes(`${CONNECTED}
      +0 > S 0:0(0) <...>
      +0 < icmp unreachable port_unreachable [0:0(0)]
      +0 connect(3, ..., ...) = -1 ECONNREFUSED`)
  })
})
