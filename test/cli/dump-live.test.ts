import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hasNative } from '../../src/driver/native.ts'
import { gotcp, type Outcome } from './world.ts'

const SCRIPT = fileURLToPath(new URL('./dump-live-main.js', import.meta.url))
const TIMEOUT_MS = 60_000

function reasonToSkip(): string | false {
  if (!hasNative()) return 'the addon is not built'
  if (spawnSync('unshare', ['--net', 'true']).status !== 0) return 'a network namespace may not be made here'
  return false
}

const skip = reasonToSkip()
const tcpdump = spawnSync('tcpdump', ['--version'], { encoding: 'utf8' })
const skipTcpdump = /version 4\.99\./.test(`${tcpdump.stdout}${tcpdump.stderr}`)
  ? false
  : 'tcpdump 4.99 is not installed'

describe('gotcp dump -i, in a namespace of its own', { skip }, () => {
  let folder = ''
  let file = ''
  let outcome: Readonly<Record<'written' | 'printed' | 'watched', Outcome>>

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'gotcp-live-'))
    file = join(folder, 'lo.pcap')
    const argv = ['--net', process.execPath, SCRIPT, file]
    outcome = JSON.parse(execFileSync('unshare', argv, { encoding: 'utf8', timeout: TIMEOUT_MS }))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('captures until Ctrl-C and counts, the drops of the kernel too', () => {
    const { code, stdout, stderr } = outcome.written
    assert.deepEqual([code, stdout], [0, ''])
    assert.match(stderr, /^listening on lo, link-type EN10MB \(Ethernet\), snapshot length 262144 bytes\n/)
    const [captured, received, dropped] = stderr.match(/^\d+(?= packets?)/gm)!.map(Number)
    assert.ok(captured! > 10 && captured === received)
    assert.equal(dropped, 0)
  })

  it('ends after -c with the lines of what a filter wants', () => {
    const [datagram, error] = outcome.printed.stdout.split('\n')
    assert.match(datagram!, /^IP 127\.0\.0\.1\.\d+ > 127\.0\.0\.1\.9: UDP, length 6$/)
    assert.equal(error, 'IP 127.0.0.1 > 127.0.0.1: ICMP 127.0.0.1 udp port 9 unreachable, length 42')
    assert.match(
      outcome.printed.stderr,
      /\n2 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n$/,
    )
  })

  it('shows ids the same packets, and no alert for checksums left to the hardware', () => {
    const records = outcome.watched.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      records.filter(({ event }) => event === 'alert'),
      [],
    )
    const flow = records.find(({ event, protocol }) => event === 'flow' && protocol === 'tcp')
    assert.equal(flow.state, 'closed')
    assert.ok(flow.bytes > 400_000)
  })

  for (const flags of [[], ['-e'], ['-v'], ['-S'], ['-x'], ['-X']]) {
    it(`reads its capture in the words of tcpdump ${flags.join(' ')}`, { skip: skipTcpdump }, async () => {
      const theirs = spawnSync('tcpdump', ['-nn', ...flags, '-r', file], {
        encoding: 'latin1',
        maxBuffer: 1 << 28,
      }).stdout.split('\n')
      const ours = (await gotcp('dump', '-nn', ...flags, '-r', file)).stdout.split('\n')
      assert.equal(ours.length, theirs.length)
      for (const [i, line] of ours.entries()) assert.equal(line, theirs[i])
    })
  }
})
