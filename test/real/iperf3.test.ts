import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { type Ended, gotcp, Running, records, start } from '../e2e/command.ts'
import { createLab, type Lab, type LabHost, labUnavailable } from './netns.ts'

const OURS = '172.20.0.2'
const KERNEL = '172.20.0.3'

/** The first row of a table is there: the test runs. */
const ROW = /bits\/sec/

const missing = (): string | undefined =>
  spawnSync('iperf3', ['--version']).error === undefined ? undefined : 'iperf3 is missing: apt-get install iperf3'

/** Of iperf3's own JSON, what we look at. */
interface Report {
  readonly error?: string
  readonly end: Readonly<
    Record<string, { readonly bytes: number; readonly packets: number; readonly lost_packets: number }>
  >
}

describe('gotcp bench and the iperf3 of a kernel host', { skip: labUnavailable() ?? missing() }, () => {
  let lab: Lab
  let ours: LabHost
  let kernel: LabHost
  before(() => {
    lab = createLab({ hosts: ['ours', 'kernel'] })
    ours = lab.host('ours')
    kernel = lab.host('kernel')
    lab.veth('ours', 'kernel', { ours: `${OURS}/24`, kernel: `${KERNEL}/24` })
  })
  after(() => lab.close())

  /** One run of it. Where the last has only just ended, the server may not have heard of that: then again. */
  async function iperf3(...args: readonly string[]): Promise<Ended> {
    for (let left = 50; ; left--) {
      const ended = await new Running(kernel, ['iperf3', ...args]).ended
      if (left === 0 || !/the server is busy/.test(`${ended.stdout}${ended.stderr}`)) return ended
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** Our server, for the time of `work`. */
  async function withOurs(args: readonly string[], work: () => Promise<void>): Promise<void> {
    const server = start(ours, 'bench', ...args)
    await server.until(/Server listening/)
    try {
      await work()
    } finally {
      server.interrupt()
      const { code, stderr } = await server.ended
      assert.equal(code, 0, stderr)
    }
  }

  /** The kernel's server, for the time of `work`. */
  async function withKernels(work: () => Promise<void>): Promise<void> {
    const server = new Running(kernel, ['iperf3', '-s', '--forceflush'])
    await server.until(/Server listening/)
    try {
      await work()
    } finally {
      server.child.kill('SIGKILL')
      await server.ended
    }
  }

  it('is a server for iperf3 -c: up, down, both at once, in parallel, by time and by bytes, with its options', async () => {
    await withOurs(['--iperf3'], async () => {
      for (const [options, sums] of [
        ['-t 1', ['sum_sent', 'sum_received']],
        ['-t 1 -R', ['sum_sent', 'sum_received']],
        ['-t 1 --bidir', ['sum_sent', 'sum_received', 'sum_sent_bidir_reverse', 'sum_received_bidir_reverse']],
        ['-t 1 -P 4', ['sum_sent', 'sum_received']],
        ['-t 1 -P 4 -R', ['sum_sent', 'sum_received']],
        ['-t 1 -P 2 --bidir', ['sum_sent', 'sum_received', 'sum_sent_bidir_reverse', 'sum_received_bidir_reverse']],
        ['-n 20M', ['sum_sent', 'sum_received']],
        ['-n 20M -R', ['sum_sent', 'sum_received']],
        ['-k 100', ['sum_sent', 'sum_received']],
        ['-t 1 -O 1 -N -w 128K -M 1000 -C reno', ['sum_sent', 'sum_received']],
        ['-t 1 -b 20M -R', ['sum_sent', 'sum_received']],
      ] as const) {
        const { code, stdout, stderr } = await iperf3('-c', OURS, '-J', ...options.split(' '))
        const { error, end } = JSON.parse(stdout.toString()) as Report
        assert.equal(code, 0, `${options}: ${error} ${stderr}`)
        assert.equal(error, undefined)
        for (const sum of sums) assert.ok(end[sum]!.bytes > 0, `${options}: ${sum}`)
        // The end of such a test overtakes its last bytes.
        if (options === '-n 20M') assert.ok(end['sum_received']!.bytes >= 20 * 1024 * 1024)
      }
    })
  })

  it('is a server for datagrams of iperf3 -u, up, down and both, none of them lost at a low rate', async () => {
    await withOurs(['--server'], async () => {
      for (const options of ['', '-R', '-P 2', '--udp-counters-64bit', '--bidir']) {
        const args = [
          '-c',
          OURS,
          '-J',
          '-u',
          '-b',
          '5M',
          '-t',
          '1',
          ...options.split(' ').filter((word) => word !== ''),
        ]
        const { code, stdout } = await iperf3(...args)
        const { error, end } = JSON.parse(stdout.toString()) as Report
        assert.equal(code, 0, `${options}: ${error}`)
        const { packets, lost_packets } = end['sum']!
        assert.ok(packets > 100 && lost_packets === 0, `${options}: ${lost_packets} of ${packets} lost`)
      }
    })
  })

  it('shows on the server the table that it shows on a client', async () => {
    const server = start(ours, 'bench', '--server', '--once')
    await server.until(/Server listening/)
    await iperf3('-c', OURS, '-t', '1', '-R')
    const { code, stdout } = await server.ended
    assert.equal(code, 0)
    const text = stdout.toString()
    assert.match(text, /^Accepted connection from 172\.20\.0\.3, port \d+$/m)
    assert.match(text, /^\[ {2}1\] local 172\.20\.0\.2 port 5201 connected to 172\.20\.0\.3 port \d+$/m)
    assert.match(text, /^\[ ID\] Interval {11}Transfer {5}Bitrate {9}Retr {2}Cwnd$/m)
    assert.match(text, /^\[ {2}1\] {3}0\.00-\d\.\d\d {3}sec .*Bytes .*bits\/sec +\d+ .*sender$/m)
    assert.match(text, /^\[ {2}1\] {3}0\.00-\d\.\d\d {3}sec .*Bytes .*bits\/sec +receiver$/m)
  })

  it('is a client of iperf3 -s: up, down, both at once, in parallel, by time and by bytes, with its options', async () => {
    await withKernels(async () => {
      for (const options of [
        '-t 1',
        '-t 1 -R',
        '-t 1 --bidir',
        '-t 1 -P 4',
        '-t 1 -P 4 -R',
        '-t 1 -P 2 --bidir',
        '-n 20M',
        '-n 20M -R',
        '-t 1 -O 1 -N -w 128K -M 1000 -C newreno',
        '-t 1 -b 20M -R',
        '-t 1 -u -b 2M',
        '-t 1 -u -b 2M -R',
        '-t 1 -u -b 2M --bidir -P 2',
      ]) {
        const ended = await gotcp(ours, 'bench', '--against', KERNEL, '--iperf3', '--json', ...options.split(' '))
        assert.equal(ended.code, 0, `${options}: ${ended.stderr}`)
        const summary = records(ended).at(-1)!
        assert.equal(summary['complete'], true)
        for (const stream of summary['streams'] as Record<string, number>[]) {
          assert.ok(stream['sent_bytes']! > 0 && stream['received_bytes']! > 0, `${options}: ${JSON.stringify(stream)}`)
          if (options.includes('-u')) assert.equal(stream['lost'], 0)
          if (options === '-n 20M') assert.equal(stream['received_bytes'], 20 * 1024 * 1024)
        }
      }
    })
  })

  it('says when iperf3 -s is busy or breaks off', async () => {
    await withKernels(async () => {
      const first = start(ours, 'bench', KERNEL, '-t', '20')
      await first.until(ROW)
      const second = await gotcp(ours, 'bench', KERNEL, '-t', '1')
      assert.equal(second.code, 1)
      assert.match(second.stderr, /busy with another test.*EBUSY/)
      first.interrupt()
      const { code, stdout } = await first.ended
      assert.equal(code, 0)
      assert.match(stdout.toString(), /sender/)
    })
    const server = new Running(kernel, ['iperf3', '-s', '--forceflush'])
    await server.until(/Server listening/)
    const client = start(ours, 'bench', KERNEL, '-t', '20')
    await client.until(ROW)
    server.interrupt()
    const { code, stdout, stderr } = await client.ended
    assert.equal(code, 1)
    assert.match(stdout.toString(), /sender/)
    assert.match(stderr, /was ended in the middle of the test/)
    await server.ended
  })

  it('tells iperf3 -c that it is busy, that it ends, and serves on when one is interrupted', async () => {
    const server = start(ours, 'bench', '--server')
    await server.until(/Server listening/)
    const first = new Running(kernel, ['iperf3', '-c', OURS, '-t', '20', '--forceflush'])
    await first.until(ROW)
    const second = await new Running(kernel, ['iperf3', '-c', OURS, '-t', '1']).ended
    assert.notEqual(second.code, 0)
    assert.match(second.stderr, /the server is busy/)
    first.interrupt()
    await first.ended
    await server.until(/ended the test early/)
    assert.equal((await iperf3('-c', OURS, '-n', '1M')).code, 0)
    const third = new Running(kernel, ['iperf3', '-c', OURS, '-t', '20', '--forceflush'])
    await third.until(ROW)
    server.interrupt()
    assert.equal((await server.ended).code, 0)
    assert.match((await third.ended).stderr, /the server has terminated/)
  })
})
