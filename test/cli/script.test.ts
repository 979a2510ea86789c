import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { gotcp, type Outcome } from './world.ts'

const GOOD = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <...>
+.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>
+0 > . 1:1(0) ack 1
`

const folder = mkdtempSync(join(tmpdir(), 'gotcp-script-'))
after(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

const records = ({ stdout }: Outcome): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('gotcp script', () => {
  it('says ok with the time it took, and exits with 0', async () => {
    const { code, stdout, stderr } = await gotcp('script', write('good.pkt', GOOD))
    assert.equal(code, 0, stdout)
    assert.match(stdout, /^ok +[\d.]+ m?s +\S+good\.pkt\n$/)
    assert.equal(stderr, '')
  })

  it('tells of a failure what was expected, what was seen and what surrounds it, and exits with 1', async () => {
    const path = write('bad.pkt', GOOD.replace('> . 1:1(0) ack 1', '> . 1:1(0) ack 2'))
    const { code, stdout } = await gotcp('script', path)
    assert.equal(code, 1)
    assert.match(stdout, /^not ok/)
    assert.ok(stdout.includes(`${path}:6: after 0.100000 s`), stdout)
    assert.match(stdout, /expected {2}\. 1:1\(0\) ack 2/)
    assert.match(stdout, /saw {7}.*1:1\(0\) ack 1.*acknowledgment number/)
    assert.match(stdout, /socket {4}ESTABLISHED cubic/)
    assert.match(stdout, /0\.100000 < IP 192\.0\.2\.1\.8080 > \S+ Flags \[S\.\]/)
  })

  it('places a syntax error by file, line and column, and exits with 2', async () => {
    const path = write('typo.pkt', GOOD.replace('win 65535', 'wni 65535'))
    const { code, stdout } = await gotcp('script', path)
    assert.equal(code, 2)
    assert.ok(stdout.includes(`${path}:5:23: `), stdout)
    assert.match(stdout, /ERR_SCRIPT_SYNTAX/)
  })

  it('refuses IPv6 and options without sense with their line', async () => {
    const path = write('ipv6.pkt', `--ip_version=ipv6\n${GOOD}`)
    const { code, stdout } = await gotcp('script', path)
    assert.equal(code, 2)
    assert.match(stdout, /ipv6\.pkt:1: .*IPv6 is not supported/)
  })

  it('runs the scripts of a folder and below, and sums up', async () => {
    write('many/a.pkt', GOOD)
    write('many/deep/b.pkt', GOOD.replace('S 0:0(0)', 'S 0:5(5)'))
    write('many/notes.txt', 'no script')
    const { code, stdout, stderr } = await gotcp('script', join(folder, 'many'))
    assert.equal(code, 1)
    assert.deepEqual(stdout.match(/\w+\.pkt$/gm), ['a.pkt', 'b.pkt'])
    assert.match(stderr, /2 scripts: 1 passed, 1 failed/)
    mkdirSync(join(folder, 'empty'))
    assert.equal((await gotcp('script', join(folder, 'empty'))).code, 2)
    const missing = await gotcp('script', join(folder, 'nowhere.pkt'))
    assert.equal(missing.code, 2)
    assert.match(missing.stderr, /cannot read .*nowhere\.pkt/)
  })

  it('goes through a folder once, also where a link in it leads back', async () => {
    write('looped/a.pkt', GOOD)
    write('elsewhere/b.pkt', GOOD)
    symlinkSync('.', join(folder, 'looped', 'again'))
    symlinkSync('../elsewhere', join(folder, 'looped', 'linked'))
    const { code, stdout } = await gotcp('script', join(folder, 'looped'))
    assert.equal(code, 0)
    assert.deepEqual(stdout.match(/\S+\.pkt$/gm), [join(folder, 'looped/a.pkt'), join(folder, 'looped/linked/b.pkt')])
  })

  it('counts a file that cannot be read, or is no script by its size, with those that cannot be run', async () => {
    mkdirSync(join(folder, 'mixed', 'a.pkt'), { recursive: true })
    truncateSync(write('mixed/b.pkt', ''), 1_000_000_000)
    symlinkSync('nowhere', join(folder, 'mixed', 'c.pkt'))
    write('mixed/d.pkt', GOOD)
    const { code, stdout, stderr } = await gotcp('script', join(folder, 'mixed'))
    assert.equal(code, 2)
    assert.match(stdout, /b\.pkt\n +Cannot read it: more than 8\.00 MiB are no script/)
    assert.match(stdout, /c\.pkt\n +Cannot read it: ENOENT/)
    assert.match(stderr, /3 scripts: 1 passed, 0 failed, 2 could not be run/)
  })

  it('looks over the mark that some editors begin a file with', async () => {
    assert.equal((await gotcp('script', write('bom.pkt', `\ufeff${GOOD}`))).code, 0)
  })

  it('names shell commands that mean nothing here, and runs none', async () => {
    const witness = join(folder, 'witness')
    const path = write('shell.pkt', `\`touch ${witness}\nsysctl -q net.ipv4.tcp_sack=0\`\n${GOOD}`)
    const { code, stderr } = await gotcp('script', path)
    assert.equal(code, 0)
    assert.equal(stderr, `${path}: skipped, not run: touch ${witness}\n`)
    assert.throws(() => readFileSync(witness))
  })

  it('skips shell files that are none', async () => {
    mkdirSync(join(folder, 'folder.sh'))
    symlinkSync('/dev/zero', join(folder, 'endless.sh'))
    for (const name of ['folder.sh', 'endless.sh', 'missing.sh']) {
      const path = write('shell.pkt', `\`./${name}\`\n${GOOD}`)
      const { code, stderr } = await gotcp('script', path)
      assert.equal(code, 0)
      assert.equal(stderr, `${path}: skipped, not run: ./${name}\n`)
    }
  })

  it('reads shell files beside the script', async () => {
    write('suite/common/set.sh', 'sysctl -q net.ipv4.tcp_timestamps=0\n')
    const text = GOOD.replace('S 0:0(0) <...>', 'S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 7>')
    const path = write('suite/one/x.pkt', `\`../common/set.sh\`\n${text}`)
    const { code, stdout } = await gotcp('script', path)
    assert.equal(code, 0, stdout)
  })

  it('tells lines, packets and states with --trace', async () => {
    const { stdout } = await gotcp('script', '--trace', write('good.pkt', GOOD))
    assert.match(stdout, /^0\.000000 # 1: 0 socket\(/m)
    assert.match(stdout, /^0\.100000 < IP .*Flags \[S\.\]/m)
    assert.match(stdout, /^0\.100000 > IP .*Flags \[\.\]/m)
    assert.match(stdout, /^0\.100000 = SYN-SENT → ESTABLISHED/m)
  })

  it('writes the packets to a capture', async () => {
    const pcap = join(folder, 'good.pcap')
    assert.equal((await gotcp('script', '--pcap', pcap, write('good.pkt', GOOD))).code, 0)
    const { stdout } = await gotcp('dump', '-n', '-r', pcap)
    assert.deepEqual(stdout.match(/Flags \[.*?\]/g), ['Flags [S]', 'Flags [S.]', 'Flags [.]'])
    assert.equal((await gotcp('script', '--pcap', pcap, join(folder, 'many'))).code, 2)
  })

  it('takes words and options from the command line', async () => {
    const open = write('open.pkt', GOOD.replace('mss 1000', 'mss SIZE'))
    assert.equal((await gotcp('script', open)).code, 2)
    assert.equal((await gotcp('script', '-D', 'SIZE=1000', open)).code, 0)
    const late = write('late.pkt', GOOD.replace('+0 > .', '+.02 > .'))
    assert.equal((await gotcp('script', late)).code, 1)
    assert.equal((await gotcp('script', '--option', 'tolerance_usecs=30000', late)).code, 0)
  })

  it('speaks JSON: a record for each script, and the sum', async () => {
    const bad = write('bad.pkt', GOOD.replace('> . 1:1(0) ack 1', '> . 1:1(0) ack 2'))
    const [good, failed, summary] = records(await gotcp('script', '--json', write('good.pkt', GOOD), bad))
    assert.equal(good?.['outcome'], 'passed')
    assert.equal(good?.['script_ms'], 100)
    const failure = failed?.['failure'] as Record<string, unknown>
    assert.equal(failure['line'], 6)
    assert.equal(failure['at_ms'], 100)
    assert.deepEqual([summary?.['passed'], summary?.['failed'], summary?.['unreadable']], [1, 1, 0])
  })
})
