import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { gotcp, Running as Process, type Running, records, sha256, shell, start, startNode } from './command.ts'

const PEER = '172.20.0.3'
const STANDARD = fileURLToPath(new URL('../../app/standard/', import.meta.url))
const MIB = 1024 * 1024

const ECHO = 8001
const SINK = 8002
const SOURCE = 8003
const RESETS = 8004
const HTTP = 8005
const EARLY = 8006
const CLOSED = 8099

/** The kernel's side, with everything that the tests need: a bulk source, an early end, a reset in the middle. */
const peerScript = (file: string): string => `
  const { createServer } = require('node:net'), { createReadStream } = require('node:fs')
  const { createHash } = require('node:crypto')
  const serve = (port, work) => createServer({ allowHalfOpen: true }, (s) => { s.on('error', () => {}); work(s) }).listen(port)
  serve(${ECHO}, (s) => s.pipe(s))
  serve(${SINK}, (s) => { const h = createHash('sha256'); s.on('data', (d) => h.update(d)).on('end', () => s.end(h.digest('hex'))) })
  serve(${SOURCE}, (s) => { createReadStream('${file}').pipe(s); s.resume() })
  serve(${RESETS}, (s) => { let n = 0; s.on('data', (d) => (n += d.length) > ${4 * MIB} && s.resetAndDestroy()) })
  serve(${EARLY}, (s) => { s.end('goodbye'); const h = createHash('sha256'); s.on('data', (d) => h.update(d)).on('end', () => console.log(h.digest('hex'))) })
  require('node:http').createServer((_, r) => r.end('a page of the kernel')).listen(${HTTP}, () => console.log('ready'))`

describe('gotcp tcpclient as a process', { skip: labUnavailable() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gotcp-e2e-'))
  const data = randomBytes(20 * MIB)
  const digest = sha256(data)
  const file = join(folder, 'data')
  const copy = join(folder, 'copy')
  const capture = join(folder, 'capture')
  let lab: Lab
  let ours: LabHost
  let kernel: LabHost
  let peer: Running
  before(async () => {
    writeFileSync(file, data)
    lab = createLab({ hosts: ['ours', 'peer'] })
    ours = lab.host('ours')
    kernel = lab.host('peer')
    lab.veth('ours', 'peer', { ours: '172.20.0.2/24', peer: `${PEER}/24` })
    // Every listener takes data with the SYN of whoever has a cookie.
    kernel.sysctl('ipv4.tcp_fastopen', 0x403)
    peer = await startNode(kernel, peerScript(file))
  })
  after(async () => {
    peer.child.kill('SIGKILL')
    await peer.ended
    lab.close()
    rmSync(folder, { recursive: true })
  })
  const client = (port: number, ...args: readonly string[]) => gotcp(ours, 'tcpclient', `${PEER}:${port}`, ...args)

  it('carries stdin there and what comes back to stdout', async () => {
    const running = start(ours, 'tcpclient', '-i', 'eth0', '-addr', PEER, '-port', String(ECHO), '-v', '--info')
    running.child.stdin.end(data)
    const { code, stdout, stderr } = await running.ended
    assert.equal(code, 0, stderr)
    assert.equal(sha256(stdout), digest)
    assert.match(stderr, /SYN-SENT → ESTABLISHED \(rcv SYN,ACK\)$/m)
    assert.match(stderr, /^sent 20\.0 MiB \(20971520 bytes\), received 20\.0 MiB \(20971520 bytes\) in \S+ s$/m)
    assert.match(stderr, /^goodput .* out, .* in; \d+ retransmits?, srtt \S+ ms, min RTT \S+ ms, cwnd \d+$/m)
    assert.match(stderr, /^cubic ts sack wscale:.* bytes_acked:\d+ .*minrtt:/m)
  })

  it('carries files', async () => {
    const there = await client(SINK, '--send', file)
    assert.equal(there.stdout.toString(), digest)
    const back = await client(SOURCE, '--recv', copy)
    assert.equal(back.code, 0)
    assert.equal(sha256(readFileSync(copy)), digest)
  })

  it('is given a cookie for Fast Open, and with it sends its first data with the SYN', async () => {
    const asking = await client(ECHO, '--fastopen', '--bytes', '5000')
    const [, cookie] =
      /^fast open: no data went with the SYN; next time: --fastopen-cookie ([\da-f]{16})$/m.exec(asking.stderr) ?? []
    assert.ok(cookie !== undefined, asking.stderr)
    const giving = await client(ECHO, '--fastopen-cookie', cookie, '--bytes', '5000', '--info')
    assert.match(giving.stderr, /^fast open: the first data went with the SYN;/m)
    assert.match(giving.stderr, / sack fastopen /)
    assert.match(giving.stderr, /received 4\.88 KiB \(5000 bytes\)/)
  })

  it('goes on sending when the peer has ended first', async () => {
    const { code, stdout } = await client(EARLY, '--send', file)
    assert.deepEqual([code, stdout.toString()], [0, 'goodbye'])
    await peer.until(new RegExp(digest))
  })

  for (const [kind, ...args] of [
    ['an address of its own', '--ip', '172.20.0.77/24'],
    ['the shared address'],
  ] as const) {
    it(`is byte-exact over a path with every fault, on ${kind}, and no kernel resets it`, async () => {
      const tcpdump = new Process(kernel, [
        'tcpdump',
        '-i',
        'eth0',
        '-n',
        '-U',
        '--immediate-mode',
        `tcp[tcpflags] & tcp-rst != 0 and not src host ${PEER}`,
      ])
      await tcpdump.until(/listening on/)
      const faults = ['--loss', '5%', '--reorder', '2%', '--duplicate', '1%', '--corrupt', '1%', '--seed', '3']
      const running = start(ours, 'tcpclient', `${PEER}:${ECHO}`, ...args, ...faults)
      running.child.stdin.end(data.subarray(0, 4 * MIB))
      const { code, stdout, stderr } = await running.ended
      assert.equal(code, 0, stderr)
      assert.equal(sha256(stdout), sha256(data.subarray(0, 4 * MIB)))
      assert.match(stderr, /; [1-9]\d* retransmits?,/)
      tcpdump.interrupt()
      assert.equal((await tcpdump.ended).stdout.toString().trim(), '')
    })
  }

  it('writes a capture that tcpdump reads', async () => {
    assert.equal((await client(ECHO, '--bytes', '100K', '--pcap', capture)).code, 0)
    const { stdout } = await shell(ours, `tcpdump -nr ${capture} 2> /dev/null`)
    const lines = stdout.toString()
    assert.match(lines, /IP 172\.20\.0\.2\.\d+ > 172\.20\.0\.3\.8001: Flags \[S\], .*mss 1460/)
    assert.match(lines, /Flags \[F\.?/)
    assert.doesNotMatch(lines, /Flags \[R|bad cksum/)
  })

  it('fetches a page, and tells times in the manner of curl', async () => {
    const { stdout } = await shell(
      ours,
      `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | $GOTCP tcpclient ${PEER} ${HTTP} -q --write-out '\\n%{remote_ip} %{time_connect} %{size_download}\\n'`,
    )
    assert.match(
      stdout.toString(),
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\na page of the kernel\n172\.20\.0\.3 0\.\d{6} \d+\n$/,
    )
  })

  it('makes bytes up, and counts what comes back', async () => {
    const ended = await client(ECHO, '--bytes', '5M', '--json')
    const [connected, summary] = records(ended)
    assert.deepEqual([connected!['event'], connected!['remote_port']], ['connected', ECHO])
    assert.deepEqual(
      [summary!['complete'], summary!['sent_bytes'], summary!['received_bytes'], summary!['acked_bytes']],
      [true, 5 * MIB, 5 * MIB, 5 * MIB],
    )
  })

  it('limits the attempt by --connect-timeout, not the connection', async () => {
    const running = start(ours, 'tcpclient', `${PEER}:${ECHO}`, '--connect-timeout', '1', '-v')
    await running.until(/→ ESTABLISHED/)
    await sleep(1200)
    running.child.stdin.end('still here')
    const { code, stdout, stderr } = await running.ended
    assert.deepEqual([code, stdout.toString()], [0, 'still here'], stderr)
  })

  it('says plainly what failed', async () => {
    const refused = await client(CLOSED)
    assert.deepEqual([refused.code, refused.stdout.length], [1, 0])
    assert.match(refused.stderr, /^gotcp: Cannot connect to 172\.20\.0\.3:8099: .*refused.* \(ECONNREFUSED\)\n$/)
    const late = await gotcp(ours, 'tcpclient', '172.20.0.9:8001', '--connect-timeout', '0.5')
    assert.equal(late.code, 1)
    assert.match(late.stderr, /^gotcp: Cannot connect to 172\.20\.0\.9:8001: no answer within 0\.5 s \(ETIMEDOUT\)\n$/)
    const unroutable = await gotcp(ours, 'tcpclient', '-i', 'eth0', '192.0.2.1:80')
    assert.equal(unroutable.code, 1)
    assert.match(unroutable.stderr, /\(ENETUNREACH\)/)
    const file = await client(ECHO, '--send', '/nonexistent/file')
    assert.equal(file.code, 2)
    assert.match(file.stderr, /\/nonexistent\/file/)
  })

  it('tells how much a peer took before it reset the connection', async () => {
    const { code, stderr } = await client(RESETS, '--bytes', '100M')
    assert.equal(code, 1)
    assert.match(stderr, /^the transfer is not complete: the peer acknowledged .*MiB \(\d+ bytes\)$/m)
    assert.match(stderr, /\(ECONNRESET\)\n$/)
  })

  it('refuses a local port that the kernel uses', async () => {
    const holder = await startNode(ours, `require('node:net').createServer().listen(8890, () => console.log('ready'))`)
    const { code, stderr } = await client(ECHO, '--local-port', '8890')
    assert.equal(code, 2)
    assert.match(stderr, /\(EADDRINUSE\)\n$/)
    holder.child.kill()
    await holder.ended
  })

  it('says how much had arrived when the interface was removed', async () => {
    lab.veth('ours', 'peer', { ours: '172.21.0.2/24', peer: '172.21.0.3/24' }, { name: 'spare' })
    const running = start(ours, 'tcpclient', '-i', 'spare', `172.21.0.3:${ECHO}`)
    running.child.stdin.write('hello')
    await running.until(/hello/)
    ours.ip('link', 'delete', 'spare')
    const { code, stderr } = await running.ended
    assert.equal(code, 2)
    assert.match(stderr, /^sent 5 bytes, received 5 bytes in/m)
    assert.match(stderr, /^the transfer is not complete/m)
    assert.match(stderr, /^gotcp: spare was removed while in use\..* \(ENODEV\)$/m)
  })

  it('ends at Ctrl-C with what it has', async () => {
    const running = start(ours, 'tcpclient', `${PEER}:${ECHO}`)
    running.child.stdin.write('hello')
    await running.until(/hello/)
    running.child.kill('SIGQUIT')
    await running.until(/sent 5 bytes/)
    running.interrupt()
    const { code, stderr } = await running.ended
    assert.equal(code, 130)
    assert.match(stderr, /the peer acknowledged 5 bytes/)
  })

  it('ends quietly when nobody reads its output any more', async () => {
    const { stdout, stderr } = await shell(
      ours,
      `$GOTCP tcpclient ${PEER} ${SOURCE} -q < /dev/null | head -c 10 | wc -c; echo "\${PIPESTATUS[0]}"`,
    )
    assert.equal(stdout.toString(), '10\n0\n')
    assert.equal(stderr, '')
  })

  it('fails when the reader of its output leaves before all was sent', async () => {
    const { stdout, stderr } = await shell(
      ours,
      `$GOTCP tcpclient ${PEER} ${ECHO} --send ${file} | head -c 10 | wc -c; echo "\${PIPESTATUS[0]}"`,
    )
    assert.equal(stdout.toString(), '10\n1\n')
    assert.match(stderr, /^the transfer is not complete/m)
  })

  it('says that its output could not be written', async () => {
    for (const line of [
      `printf hello | $GOTCP tcpclient ${PEER} ${ECHO}`,
      `$GOTCP tcpclient ${PEER} ${ECHO} --send ${file}`,
      `$GOTCP ping ${PEER} -c 3`,
      `$GOTCP dump -r ${capture}`,
      `$GOTCP ids -r ${capture} --json`,
    ]) {
      const { code, stderr } = await shell(ours, `set -o pipefail; ${line} > /dev/full`)
      assert.equal(code, 2, `${line}: ${stderr}`)
      assert.match(stderr, /^gotcp: .*ENOSPC: .*\n$/m, line)
      assert.doesNotMatch(stderr, /^ {4}at /m, line)
    }
  })

  it('waits for a slow reader of its output, and loses nothing', async () => {
    const { stdout } = await shell(ours, `$GOTCP tcpclient ${PEER} ${SOURCE} < /dev/null | (sleep 1; sha256sum)`)
    assert.equal(stdout.toString().split(' ')[0], digest)
  })

  it('talks to the standard programs', async () => {
    for (const [program, ...args] of [['tcp-server.js'], ['tcp-server-big.js', '-bytes', '20480']]) {
      const server = new Process(kernel, [process.execPath, join(STANDARD, program!), '-port', '8100', ...args])
      await server.until(/listening/)
      const { code, stderr } = await client(8100, '--bytes', '20480', '--recv', copy)
      assert.equal(code, 0, `${program}: ${stderr}`)
      assert.equal(readFileSync(copy).length, 20480)
      server.child.kill()
      await server.ended
    }
    assert.ok(existsSync(copy))
  })
})
