import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { shellCommands } from '../../src/script/shell.ts'
import { ACCEPTED, CONNECTED, fails, passes } from './run.ts'

describe('shell text of a script', () => {
  it('is taken apart: quotes, comments, sums, redirections', () => {
    const commands = shellCommands(
      '# first\nsysctl -q a="1 2" b=$((3*1024 + 1)) > /dev/null 2>&1; echo 5 > /proc/x && true | \\\n cat',
    )
    assert.deepEqual(
      commands.map(({ words, output }) => [...words, output]),
      [
        ['sysctl', '-q', 'a=1 2', 'b=3073', undefined],
        ['echo', '5', '/proc/x'],
        ['true', undefined],
        ['cat', undefined],
      ],
    )
  })

  it('sets parameters of the kernel that the stack has: by sysctl, by echo, in files', () => {
    const plain = '+0 > S 0:0(0) <mss 1460>'
    const files = new Map([
      ['../all.sh', '#!/bin/bash\nsysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0\n. nothing'],
    ])
    passes(`\`sysctl -q net.ipv4.tcp_sack=0 net/ipv4/tcp_timestamps=0
      echo 0 > /proc/sys/net/ipv4/tcp_window_scaling\` ${CONNECTED} ${plain}`)
    const result = passes(
      `\`../all.sh
      ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_window_scaling=0\` ${CONNECTED} ${plain}`,
      {
        readFile: (path) => files.get(path),
      },
    )
    assert.deepEqual(result.skipped, ['. nothing'])
  })

  it('may ask for more than the stack takes, which then does what it can', () => {
    passes(`\`sysctl -q net.ipv4.tcp_reordering=1000 net.ipv4.tcp_base_mss=20 net.ipv4.tcp_rmem="4096 100 900"
      ip route change 192.0.2.1 via 192.168.0.1 initcwnd abc advmss 20\` ${ACCEPTED}
      +0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1], 4) = 0`)
  })

  it('counts for connections that are open already', () => {
    passes(`${ACCEPTED}
      +0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
      +0 \`sysctl -q net.ipv4.tcp_keepalive_time=3\`
      +3 > . 0:0(0) ack 1`)
  })

  it('changes the wire: segments, and a queue of no length', () => {
    passes(`--strict_segments
      \`ethtool -K tun0 tso off gso off\`
      ${ACCEPTED}
      +0 write(4, ..., 2000) = 2000
      +0 > . 1:1001(1000) ack 1
      +0 > P. 1001:2001(1000) ack 1
      +.1 < . 1:1(0) ack 2001 win 65535
      +0 \`tc qdisc replace dev tun0 root pfifo limit 0\`
      +0 write(4, ..., 100) = 100
      +.1 \`tc qdisc replace dev tun0 root pfifo\`
      +0~+.8 > P. 2001:2101(100) ack 1`)
  })

  it('names what it skips, and runs nothing', () => {
    const result = passes(`\`rm -rf / ; nstat | grep Foo\` ${ACCEPTED} \`/tmp/gone.sh\``)
    assert.deepEqual(result.skipped, ['rm -rf /', 'nstat', 'grep Foo'])
    assert.deepEqual(passes(`--code_command=python3\n--whatever=1\n${ACCEPTED}`).skipped, ['--whatever'])
  })
})

describe('code of a script', () => {
  it('knows the fields and constants of tcp_info', () => {
    const result = passes(`${ACCEPTED}
      +0 write(4, ..., 3000) = 3000
      +0 > P. 1:3001(3000) ack 1
      +0 %{ assert tcpi_state == TCP_ESTABLISHED
assert tcpi_ca_state == TCP_CA_Open
assert tcpi_unacked == 3 and tcpi_snd_cwnd == 10 and tcpi_snd_mss == 1000
assert tcpi_options & TCPI_OPT_SACK, 'no sack'
assert 99000 <= tcpi_rtt <= 101000
print(tcpi_bytes_sent) }%`)
    assert.deepEqual(result.printed, ['3000'])
    const failure = fails(`${ACCEPTED} +0 %{ assert tcpi_unacked == 1 }%`)
    assert.equal(failure.expected, 'tcpi_unacked == 1')
    assert.match(failure.seen, /0/)
    assert.match(fails('0 %{ assert tcpi_unacked == 1 }%').seen, /none/)
  })
})
