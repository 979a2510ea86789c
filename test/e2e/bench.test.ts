import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { gotcp, type Running, records, start, startNode } from './command.ts'

const SERVER = '172.20.0.2'
const CLIENT = '172.20.0.3'
/** The first row of a table is there: the measurement runs. */
const ROW = /\d {3}sec /

describe('gotcp bench as a process', { skip: labUnavailable() }, () => {
  let lab: Lab
  let there: LabHost
  let here: LabHost
  before(() => {
    lab = createLab({ hosts: ['server', 'client'] })
    there = lab.host('server')
    here = lab.host('client')
    lab.veth('server', 'client', { server: `${SERVER}/24`, client: `${CLIENT}/24` })
  })
  after(() => lab.close())

  async function serve(...args: readonly string[]): Promise<Running> {
    const server = start(there, 'bench', '--server', ...args)
    await server.until(/Server listening|"listening"/)
    return server
  }

  async function stop(server: Running): Promise<void> {
    server.interrupt()
    const { code, stderr } = await server.ended
    assert.equal(code, 0, stderr)
  }

  it('says where it listens and what to type on the other side', async () => {
    const server = await serve('-p', '5300')
    assert.match(server.stderr, /^listening on 172\.20\.0\.2:5300 \(eth0\)$/m)
    for (const line of ['gotcp bench 172.20.0.2 -p 5300', 'iperf3 -c 172.20.0.2 -p 5300']) {
      assert.ok(server.stderr.includes(`  ${line}\n`), server.stderr)
    }
    await stop(server)
  })

  it("prints iperf3's table, with a sum where there are several streams", async () => {
    const server = await serve('--once')
    const { code, stdout, stderr } = await gotcp(here, 'bench', SERVER, '-t', '1', '-P', '2', '--interval', '0.5')
    assert.equal(code, 0, stderr)
    const text = stdout.toString()
    assert.match(text, /^Connecting to host 172\.20\.0\.2, port 5201$/m)
    for (const stream of [1, 2]) {
      assert.match(
        text,
        new RegExp(`^\\[  ${stream}\\] local ${CLIENT} port \\d+ connected to ${SERVER} port 5201$`, 'm'),
      )
    }
    assert.match(text, /^\[SUM\] {3}0\.00-\d\.\d\d {3}sec +[\d.]+ \wBytes +[\d.]+ \wbits\/sec +\d+$/m)
    assert.match(text, /^\[SUM\] {3}0\.00-\d\.\d\d {3}sec .* sender$/m)
    assert.match(text, /^\[SUM\] {3}0\.00-\d\.\d\d {3}sec .* receiver$/m)
    assert.equal((await server.ended).code, 0)
  })

  it('gives records to programs, at both ends', async () => {
    const server = await serve('--once', '--json')
    const client = await gotcp(here, 'bench', '--against', `${SERVER}:5201`, '-n', '20M', '--bidir', '--json')
    assert.equal(client.code, 0, client.stderr)
    for (const [ended, events] of [
      [client, ['start', 'interval', 'summary']],
      [await server.ended, ['listening', 'start', 'interval', 'summary']],
    ] as const) {
      const seen = records(ended)
      assert.deepEqual([...new Set(seen.map(({ event }) => event))], events)
      const summary = seen.at(-1) as { complete: boolean; streams: { sent_bytes: number; received_bytes: number }[] }
      assert.equal(summary.complete, true)
      assert.equal(summary.streams.length, 2)
      for (const { sent_bytes, received_bytes } of summary.streams) assert.ok(sent_bytes >= received_bytes)
    }
  })

  it('measures round trips, and connections, beside a test that runs', async () => {
    const server = await serve()
    const test = start(here, 'bench', SERVER, '-t', '20', '-b', '10M')
    await test.until(ROW)
    for (const mode of ['--latency', '--connections']) {
      const { code, stdout, stderr } = await gotcp(
        here,
        'bench',
        SERVER,
        mode,
        '--requests',
        '200',
        '-P',
        '20',
        '-l',
        '100',
      )
      assert.doesNotMatch(stderr, /Warning/)
      assert.equal(code, 0, stderr)
      const text = stdout.toString()
      assert.match(text, /^Interval .* Rate +p50 +p90 +p99 +max$/m)
      assert.match(text, /^200 (requests|connections, each with a request), in [\d.]+ s: /m)
      assert.match(text, /: min [\d.]+ \ws, avg .* p99\.9 .* max /)
    }
    test.interrupt()
    assert.equal((await test.ended).code, 0)
    await stop(server)
  })

  it('measures them against the echo server of a kernel host', async () => {
    const echo = await startNode(
      there,
      `require('node:net').createServer((s) => s.pipe(s).on('error', () => {})).listen(7, () => console.log('ready'))`,
    )
    for (const mode of ['--latency', '--connections']) {
      const ended = await gotcp(here, 'bench', SERVER, '-p', '7', mode, '--requests', '100', '--json')
      assert.equal(ended.code, 0, ended.stderr)
      const summary = records(ended).at(-1) as { rounds: number; round: Record<string, number> }
      assert.equal(summary.rounds, 100)
      const { min_ms, p50_ms, p90_ms, p99_ms, max_ms } = summary.round
      assert.ok(min_ms! > 0 && min_ms! <= p50_ms! && p50_ms! <= p90_ms! && p90_ms! <= p99_ms! && p99_ms! <= max_ms!)
    }
    echo.child.kill()
    await echo.ended
  })

  it('says what is wrong, and ends with 1', async () => {
    const silent = await startNode(
      there,
      `require('node:net').createServer((s) => s.resume().on('error', () => {})).listen(9, () => console.log('ready'))`,
    )
    for (const [args, says] of [
      [[SERVER], /refused the connection \(ECONNREFUSED\)/],
      [[SERVER, '--latency'], /refused the connection \(ECONNREFUSED\)/],
      [['172.20.0.77', '--connections', '-t', '1'], /EHOSTUNREACH/],
    ] as const) {
      const { code, stdout, stderr } = await gotcp(here, 'bench', ...args)
      assert.equal(code, 1, stderr)
      assert.match(stderr, says)
      assert.doesNotMatch(stdout.toString(), /sender|requests/)
    }
    const unanswered = await gotcp(here, 'bench', SERVER, '-p', '9', '--latency', '-t', '0.5')
    assert.equal(unanswered.code, 1)
    assert.match(unanswered.stderr, /answered nothing in .* \(ETIMEDOUT\)/)
    const waiting = start(here, 'bench', SERVER, '-p', '9', '--latency')
    await waiting.until(ROW)
    waiting.interrupt()
    assert.equal((await waiting.ended).code, 130)
    silent.child.kill()
    await silent.ended
  })

  it('says who has the port', async () => {
    const server = await serve()
    const { code, stderr } = await gotcp(there, 'bench', '--server')
    assert.equal(code, 2)
    assert.match(stderr, /EADDRINUSE/)
    await stop(server)
  })

  it('ends a test with its summary at Ctrl-C, at either end', async () => {
    const server = await serve()
    const first = start(here, 'bench', SERVER, '-t', '0')
    await first.until(ROW)
    first.interrupt()
    const { code, stdout } = await first.ended
    assert.equal(code, 0)
    assert.match(stdout.toString(), /^\[ {2}1\] {3}0\.00-\d\.\d\d {3}sec .* sender$/m)
    const second = start(here, 'bench', SERVER, '-t', '0', '-R')
    await second.until(ROW)
    server.interrupt()
    const ended = await second.ended
    assert.equal(ended.code, 1)
    assert.match(ended.stdout.toString(), /receiver$/m)
    assert.match(ended.stderr, /was ended in the middle of the test/)
    assert.equal((await server.ended).code, 0)
    assert.match(server.stdout, /sender$/m)
  })

  it('goes on when a client is killed in the middle', async () => {
    const server = await serve()
    const client = start(here, 'bench', SERVER, '-t', '20', '-R')
    await client.until(ROW)
    client.child.kill('SIGKILL')
    await client.ended
    await server.until(/warning: .*(ECONNRESET|ETIMEDOUT)/)
    const next = await gotcp(here, 'bench', SERVER, '-n', '1M')
    assert.equal(next.code, 0, next.stderr)
    await stop(server)
  })
})
