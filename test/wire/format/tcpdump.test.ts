import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatFrame } from '../../../src/wire/format/frame.ts'
import { FORMAT_DEFAULTS, type FormatOptions } from '../../../src/wire/format/options.ts'
import { SequenceBases } from '../../../src/wire/format/sequence-bases.ts'
import { PCAP } from '../../../src/wire/pcap.ts'
import { CaptureEncoder } from '../../../src/wire/pcap-encoder.ts'
import { LinkType } from '../../../src/wire/pcap-record.ts'
import { CORPUS } from '../corpus.ts'

/** The words are those of this series; others differ in places. */
const SERIES = /tcpdump version 4\.99\./
const version = spawnSync('tcpdump', ['--version'], { encoding: 'utf8' })
const skip = SERIES.test(`${version.stdout}${version.stderr}`) ? false : 'tcpdump 4.99 is not installed'

const MODES: readonly (readonly [string, readonly string[], Partial<FormatOptions>])[] = [
  ['plainly', [], {}],
  ['with -e', ['-e'], { link: true }],
  ['with -v', ['-v'], { verbose: 1 }],
  ['with -vv', ['-vv'], { verbose: 2 }],
  ['with -q', ['-q'], { quiet: true }],
  ['with -S', ['-S'], { absoluteSeq: true }],
]

describe('formatFrame beside tcpdump', { skip }, () => {
  let folder = ''
  let file = ''
  /** The corpus, whole, and each frame cut short: a capture with a small snap length. */
  const records: { readonly bytes: Uint8Array; readonly wireLength: number }[] = [
    ...CORPUS.map((bytes) => ({ bytes, wireLength: bytes.length })),
    ...CORPUS.filter((bytes) => bytes.length > 60).map((bytes) => ({
      bytes: bytes.subarray(0, 40),
      wireLength: bytes.length,
    })),
  ]

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'gotcp-format-'))
    file = join(folder, 'corpus.pcap')
    const chunks: Uint8Array[] = []
    const encoder = new CaptureEncoder(PCAP, LinkType.ETHERNET, (chunk) => chunks.push(chunk))
    for (const { bytes, wireLength } of records) encoder.add(0, 0, bytes, 0, bytes.length, wireLength)
    encoder.flush()
    writeFileSync(file, Buffer.concat(chunks))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const [name, flags, options] of MODES) {
    it(`says the same of every frame ${name}`, () => {
      const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
      const output = execFileSync('tcpdump', ['-nn', '-tt', ...flags, '-r', file], { encoding: 'latin1', stdio })
      const theirs = output
        .replace(/\n$/, '')
        .split(/(?:^|\n)0\.000000 /)
        .slice(1)
      const bases = new SequenceBases()
      const ours = records.map(({ bytes, wireLength }) => {
        const frame = { bytes, start: 0, end: bytes.length, wireLength, linkType: LinkType.ETHERNET }
        return formatFrame(frame, { ...FORMAT_DEFAULTS, ...options }, bases)
      })
      assert.equal(theirs.length, ours.length)
      for (const [i, text] of ours.entries()) assert.equal(text, theirs[i], `frame ${i}`)
    })
  }
})
