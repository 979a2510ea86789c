import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { PCAP } from '../../src/wire/pcap.ts'
import { CaptureEncoder } from '../../src/wire/pcap-encoder.ts'
import type { CaptureFormat } from '../../src/wire/pcap-format.ts'
import { LinkType } from '../../src/wire/pcap-record.ts'
import { PCAPNG } from '../../src/wire/pcapng.ts'
import { A, arp, ascii, B, icmp, tcp, udp } from '../wire/build.ts'
import { gotcp } from './world.ts'

const FRAMES: readonly Uint8Array[] = [
  arp({}),
  tcp({ flags: 2, options: { mss: 1460 } }),
  tcp({ src: B, dst: A, srcPort: 8888, dstPort: 40000, flags: 0x12, seq: 5000, ack: 1001 }),
  tcp({ flags: 0x18, seq: 1001, ack: 5001, data: ascii('hello\r\nworld\x01') }),
  icmp({ type: 8, id: 7, seq: 1, data: ascii('abc') }),
  udp({ dstPort: 9, data: ascii('x') }),
]
const LINES: readonly string[] = [
  'ARP, Request who-has 10.0.0.3 tell 10.0.0.2, length 28',
  'IP 10.0.0.2.40000 > 10.0.0.3.8888: Flags [S], seq 1000, win 64240, options [mss 1460], length 0',
  'IP 10.0.0.3.8888 > 10.0.0.2.40000: Flags [S.], seq 5000, ack 1001, win 64240, length 0',
  'IP 10.0.0.2.40000 > 10.0.0.3.8888: Flags [P.], seq 1:14, ack 1, win 64240, length 13',
  'IP 10.0.0.2 > 10.0.0.3: ICMP echo request, id 7, seq 1, length 11',
  'IP 10.0.0.2.5000 > 10.0.0.3.9: UDP, length 1',
]

describe('gotcp dump -r', () => {
  let folder = ''
  const path = (name: string): string => join(folder, name)

  const write = (name: string, format: CaptureFormat): void => {
    const chunks: Uint8Array[] = []
    const encoder = new CaptureEncoder(format, LinkType.ETHERNET, (chunk) => chunks.push(chunk))
    FRAMES.forEach((frame, i) => {
      encoder.add(1_700_000_000 + i, 250_000_000 * i + 1000, frame, 0, frame.length)
    })
    encoder.flush()
    writeFileSync(path(name), Buffer.concat(chunks))
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'gotcp-dump-'))
    write('trace.pcap', PCAP)
    write('trace.pcapng', PCAPNG)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const dump = (...argv: readonly string[]): ReturnType<typeof gotcp> =>
    gotcp('dump', '-r', path('trace.pcap'), ...argv)
  const lines = async (...argv: readonly string[]): Promise<string[]> =>
    (await dump('-n', '-t', ...argv)).stdout.split('\n').slice(0, -1)

  it('prints a line for each packet, and on stderr what it read and how much', async () => {
    for (const name of ['trace.pcap', 'trace.pcapng']) {
      const { code, stdout, stderr } = await gotcp('dump', '-r', path(name), '-n', '-t')
      assert.equal(code, 0)
      assert.equal(stdout, `${LINES.join('\n')}\n`)
      assert.equal(stderr, `reading from file ${path(name)}, link-type EN10MB (Ethernet)\n6 packets captured\n`)
    }
  })

  it('prints what a filter wants, and stops after -c', async () => {
    assert.deepEqual(await lines('tcp', 'and', 'port', '8888'), LINES.slice(1, 4))
    assert.deepEqual(await lines('not (tcp or arp)'), LINES.slice(4))
    assert.deepEqual(await lines('-c', '1', 'tcp[tcpflags] & tcp-syn != 0'), LINES.slice(1, 2))
  })

  it('says where a filter is wrong', async () => {
    const { code, stderr } = await dump('tcp', 'and', 'nonsense')
    assert.equal(code, 2)
    assert.match(stderr, /^gotcp: filter "tcp and nonsense", character 9: expected an address.*found "nonsense"/)
  })

  it('shows the time in six ways', async () => {
    const stamps = async (...flags: readonly string[]): Promise<string[]> =>
      (await dump('-n', '-c', '3', ...flags)).stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => line.replace(/(ARP,|IP) .*/, ''))
    assert.match((await stamps())[1]!, /^\d\d:\d\d:21\.250001 $/)
    assert.deepEqual(await stamps('-t'), ['', '', ''])
    assert.deepEqual(await stamps('-tt'), ['1700000000.000001 ', '1700000001.250001 ', '1700000002.500001 '])
    assert.deepEqual(await stamps('-ttt'), [' 00:00:00.000000 ', ' 00:00:01.250000 ', ' 00:00:01.250000 '])
    assert.match((await stamps('-tttt'))[2]!, /^2023-11-1\d \d\d:\d\d:22\.500001 $/)
    assert.deepEqual(await stamps('-ttttt'), [' 00:00:00.000000 ', ' 00:00:01.250000 ', ' 00:00:02.500000 '])
  })

  it('shows the bytes as asked', async () => {
    const bytes = async (flag: string): Promise<string> => (await lines(flag, 'icmp')).slice(1).join('\n')
    assert.equal(
      await bytes('-X'),
      '\t0x0000:  4500 001f 1092 4000 4001 1648 0a00 0002  E.....@.@..H....\n' +
        '\t0x0010:  0a00 0003 0800 3395 0007 0001 6162 63    ......3.....abc',
    )
    assert.equal((await bytes('-x')).split('\n')[1], '\t0x0010:  0a00 0003 0800 3395 0007 0001 6162 63')
    assert.match(await bytes('-XX'), /^\t0x0000: {2}0242 0a00 0003 0242 0a00 0002 0800 4500 {2}/)
    assert.match(await bytes('-A'), /abc$/)
  })

  it('shows the link-level header, sequence numbers and less, when asked', async () => {
    assert.equal(
      (await lines('-e', 'arp'))[0],
      `02:42:0a:00:00:02 > 02:42:0a:00:00:03, ethertype ARP (0x0806), length 42: ${LINES[0]!.slice(5)}`,
    )
    assert.match((await lines('-S', 'tcp'))[2]!, /seq 1001:1014, ack 5001,/)
    assert.match((await lines('-q', 'tcp'))[0]!, /: tcp 0$/)
    assert.match(
      (await lines('-v', 'icmp'))[0]!,
      /^IP \(tos 0x0, ttl 64, id 4242, offset 0, flags \[DF\], proto ICMP \(1\), length 31\)$/,
    )
  })

  it('names ports without -n', async () => {
    const { stdout } = await dump('-t', 'udp')
    assert.match(stdout, /^IP 10\.0\.0\.2\.\S+ > 10\.0\.0\.3\.(9|discard): UDP, length 1\n$/)
  })

  it('prints records and columns for programs', async () => {
    const { stdout } = await dump('--json', 'tcp[13] = 2')
    const [packet, summary] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual([packet.v, packet.event, packet.time_ms], [1, 'packet', 1_700_000_001_250.001])
    assert.deepEqual([packet.src, packet.dst_port, packet.tcp_flags, packet.mss], ['10.0.0.2', 8888, 'syn', 1460])
    assert.equal(packet.text, LINES[1])
    assert.deepEqual([summary.event, summary.captured, summary.dropped_by_kernel], ['summary', 1, null])
    assert.deepEqual(await lines('--fields', 'src,dst_port,payload_length', 'tcp'), [
      '10.0.0.2\t8888\t0',
      '10.0.0.3\t40000\t0',
      '10.0.0.2\t8888\t13',
    ])
    assert.match((await dump('--fields', 'src,shoe_size')).stderr, /not names out of time_ms, length/)
  })

  it('writes pcap and pcapng that read back the same', async () => {
    for (const name of ['out.pcap', 'out.pcapng']) {
      const written = await dump('-w', path(name), 'tcp')
      assert.equal(written.stdout, '')
      assert.match(written.stderr, /3 packets captured\n$/)
      const { stdout } = await gotcp('dump', '-r', path(name), '-n', '-tt')
      assert.equal(stdout.split('\n')[0], `1700000001.250001 ${LINES[1]}`)
      assert.equal(stdout.split('\n').length, 4)
    }
    assert.equal(readFileSync(path('out.pcapng')).readUInt32BE(0), 0x0a0d0d0a)
    const both = await dump('-w', path('out.pcap'), '--print', '-n', '-t', 'arp')
    assert.equal(both.stdout, `${LINES[0]}\n`)
  })

  it('says plainly what is wrong with a file', async () => {
    writeFileSync(path('text'), 'this is no capture at all, only text')
    writeFileSync(path('short.pcap'), readFileSync(path('trace.pcap')).subarray(0, 100))
    const cases: readonly (readonly [string, RegExp])[] = [
      ['nothing-here', /^gotcp: Cannot read file \S+nothing-here: there is no such file \(ENOENT\)\n$/m],
      ['text', /^gotcp: Cannot read capture at byte 0: it begins neither as a pcap nor as a pcapng file does/m],
      ['short.pcap', /^gotcp: Cannot read capture at byte 82: the file ends in the middle of a record/m],
      ['.', /^gotcp: Cannot read file \S+: it is a directory \(EISDIR\)\n$/m],
    ]
    for (const [name, message] of cases) {
      const { code, stderr } = await gotcp('dump', '-r', path(name), '-n', '-t')
      assert.equal(code, 2, name)
      assert.match(stderr, message)
    }
  })

  it('refuses flags that contradict each other', async () => {
    assert.match((await dump('-i', 'lo')).stderr, /-i and -r exclude each other/)
    assert.match((await dump('--json', '-w', '-')).stderr, /--json and --write - both want stdout/)
  })
})
