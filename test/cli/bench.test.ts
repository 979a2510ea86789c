import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gotcp } from './world.ts'

describe('gotcp bench refuses', () => {
  it('what makes no sense, before it touches a network', async () => {
    for (const [line, says] of [
      ['-i eth0', /HOST is missing/],
      ['--tap t0 --ip 10.0.0.2/24 --latency', /HOST is missing/],
      ['--iperf3 --latency', /--iperf3 does not go with --latency/],
      ['10.0.0.1 --against 10.0.0.2', /two servers/],
      ['10.0.0.1:0', /"0" is not a port/],
      ['--against 10.0.0.1:0', /"0" is not a port/],
      ['--against 10.0.0.300', /is not an IPv4 address/],
      ['10.0.0.1:5:6', /is not an IPv4 address/],
      ['10.0.0.1 --latency --connections', /--latency and --connections exclude each other/],
      ['10.0.0.1 -R --bidir', /--reverse and --bidir exclude each other/],
      ['10.0.0.1 -t 1 -n 1M', /--time and --bytes exclude each other/],
      ['10.0.0.1 --latency -R', /--reverse does not go with --latency/],
      ['10.0.0.1 --connections -b 1M', /--bitrate does not go with --connections/],
      ['10.0.0.1 --latency --iperf3', /--iperf3 does not go with --latency/],
      ['10.0.0.1 --requests 5', /--requests needs --latency or --connections/],
      ['10.0.0.1 --once', /--once needs --server/],
      ['10.0.0.1 -P 129', /-P: "129" is not a whole number from 1 to 128|--parallel: "129"/],
      ['10.0.0.1 -P 0', /--parallel/],
      ['10.0.0.1 -l 2M', /--length/],
      ['10.0.0.1 -u -l 15', /--length: a datagram/],
      ['10.0.0.1 -u -M 1000', /--mss does not go with --udp/],
      ['10.0.0.1 -t -1', /--time/],
      ['10.0.0.1 -C vegas', /--congestion: "vegas" is not one of cubic, newreno, bbr/],
      ['--server -t 5', /--time is for the client to say/],
      ['--server --against 10.0.0.1', /--against is for the client to say/],
      ['--server 10.0.0.1', /unexpected argument "10.0.0.1"/],
    ] as const) {
      const { code, stderr, stdout } = await gotcp('bench', ...line.split(' ').filter((word) => word !== ''))
      assert.equal(code, 2, line)
      assert.match(stderr, says)
      assert.equal(stdout, '')
    }
  })
})

describe('gotcp bench without a HOST', () => {
  it('measures two stacks in memory, everything it can measure', async () => {
    for (const [line, says] of [
      ['-n 1M', /0\.00-\d\.\d\d {3}sec +1\.00 MBytes .* receiver/],
      ['-n 1M -R', /receiver/],
      ['-u -t 0.2 -b 10M', /\d+\/\d+ \(\d.*%\) {2}receiver/],
      ['--latency --requests 10', /10 requests/],
      ['--connections --requests 100 -P 50', /100 connections/],
      ['-n 100K --loss 2% --seed 1 -p 5300', /receiver/],
    ] as const) {
      const { code, stdout, stderr } = await gotcp('bench', ...line.split(' '))
      assert.equal(code, 0, `${line}: ${stderr}`)
      assert.match(stdout, says)
      assert.match(stderr, /two of our own stacks/)
    }
  })
})
