import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ACCEPTED, fails, passes } from './run.ts'

describe('times of a script', () => {
  it('count from the beginning, or with a sign from the event before', () => {
    passes(`${ACCEPTED}
      0.5 write(4, ..., 10) = 10
      0.5 > P. 1:11(10) ack 1
      +.1 < . 1:1(0) ack 11 win 65535
      0.7 write(4, ..., 10) = 10
      +0 > P. 11:21(10) ack 1`)
  })

  it('say when a packet leaves, give or take four milliseconds or an eighth of the wait', () => {
    const late = (ms: string): string => `${ACCEPTED}
      +0 write(4, ..., 10) = 10
      +0 > P. 1:11(10) ack 1
      ${ms} > P. 1:11(10) ack 1`
    passes(late('+.3'))
    passes(late('+.34'))
    assert.match(fails(late('+.36')).seen, /^0\.4/)
    assert.match(fails(late('+.2')).seen, /^0\.4/)
  })

  it('may be a range, and "*" is any time', () => {
    const range = (time: string): string => `${ACCEPTED}
      +0 write(4, ..., 10) = 10
      +0 > P. 1:11(10) ack 1
      ${time} > P. 1:11(10) ack 1`
    passes(range('+.1~+.5'))
    passes(range('.2~.6'))
    passes(range('*'))
    assert.match(fails(range('+.4~+.5')).expected, /from 0\.5.* to 0\.6/)
  })

  it('take a tolerance from the options', () => {
    passes(`--tolerance_usecs=150000
      ${ACCEPTED}
      +0 write(4, ..., 10) = 10
      +.1 > P. 1:11(10) ack 1`)
  })

  it('wait two seconds for a packet, no longer', () => {
    const failure = fails(`${ACCEPTED} +0 > . 1:1(0) ack 1`)
    assert.equal(failure.seen, 'none')
    assert.equal(failure.at, 2_100_000)
  })

  it('may not lie in the past', () => {
    assert.match(fails(`${ACCEPTED} +.1 < . 1:1(0) ack 1 win 100\n0.1 close(4) = 0`).expected, /at 0\.1/)
  })
})

describe('blocking calls', () => {
  it('go on while the script does, and end when it says', () => {
    passes(`${ACCEPTED}
      +0...0.1 read(4, ..., 100) = 50
      +.1 < P. 1:51(50) ack 1 win 65535
      +0 > . 1:1(0) ack 51`)
  })

  it('fail when they end too early, too late or not at all', () => {
    const read = (end: string): string => `${ACCEPTED}
      +0...${end} read(4, ..., 100) = 50
      +.1 < P. 1:51(50) ack 1 win 65535
      +0 > . 1:1(0) ack 51`
    assert.match(fails(read('0.2')).seen, /^0\.2/)
    assert.match(fails(read('0.05')).seen, /^0\.2/)
    assert.equal(fails(`${ACCEPTED} +0...0.1 read(4, ..., 100) = 50`).seen, 'that it still waits')
  })

  it('hold up the next call, a second at most', () => {
    passes(`${ACCEPTED}
      +0...0.1 read(4, ..., 100) = 50
      +.1 < P. 1:51(50) ack 1 win 65535
      +0 > . 1:1(0) ack 51
      +0 write(4, ..., 10) = 10
      +0 > P. 1:11(10) ack 51`)
    assert.equal(
      fails(`${ACCEPTED} +0...0.1 read(4, ..., 9) = 9\n+0...0.1 read(4, ..., 9) = 9`).seen,
      'that it still waits',
    )
  })

  it('that the script does not foresee are said to block', () => {
    assert.equal(fails(`${ACCEPTED} +0 read(4, ..., 100) = 50`).seen, 'that it blocks')
  })

  it('wait for a handshake: connect and accept', () => {
    passes(`
      0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
      +0...0.1 connect(3, ..., ...) = 0
      +0 > S 0:0(0) <...>
      +.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>
      +0 > . 1:1(0) ack 1`)
    passes(`
      0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
      +0 bind(3, ..., ...) = 0
      +0 listen(3, 1) = 0
      +0...0.2 accept(3, ..., ...) = 4
      +.1 < S 0:0(0) win 65535 <mss 1000>
      +0 > S. 0:0(0) ack 1 <...>
      +.1 < . 1:1(0) ack 1 win 65535`)
  })

  it('sleep', () => {
    passes(`${ACCEPTED}
      +0...0.3 usleep(300000) = 0
      +.4 write(4, ..., 10) = 10
      +0 > P. 1:11(10) ack 1`)
  })
})
