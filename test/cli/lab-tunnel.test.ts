import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expectations } from '../../src/cli/lab-tunnel/expectations.ts'
import { lineRow, stepRow, stepTitle } from '../../src/cli/lab-tunnel/table.ts'
import { parseArgs } from '../../src/cli/parse.ts'
import { descend, loadCommand } from '../../src/cli/registry.ts'
import type { StepName, TunnelStep } from '../../src/lab/tunnel/demo.ts'
import { endsOf, layLines, queueOf } from '../../src/lab/tunnel/plan.ts'
import type { TunnelTransfer } from '../../src/lab/tunnel/transfer.ts'

const lines = layLines([
  { rate: 20e6, rtt: 60_000 },
  { rate: 50e6, rtt: 20_000 },
])

function step(name: StepName, seconds: number, change: Partial<TunnelTransfer> = {}): TunnelStep {
  const transfer = { sent: 1e7, arrived: 1e7, seconds, sentSha256: 'aa', arrivedSha256: 'aa', gap: 200, ...change }
  return { name, transfer, shares: [0.25, 0.75], carriedAfter: name === 'cut' ? 300 : undefined }
}

const good = [step('alone', 2), step('all', 1.25), step('cut', 3)] as const

/** Which expectations are met when a step is another one. */
const met = (...others: readonly TunnelStep[]): boolean[] => {
  const steps = good.map((usual) => others.find(({ name }) => name === usual.name) ?? usual)
  return expectations({ lines, steps }).map(({ isMet }) => isMet)
}

describe('gotcp lab tunnel', () => {
  it('has the last line lead to the proxy, and room in its queue for what is under way', () => {
    assert.deepEqual(
      lines.map(({ name, isProxied }) => [name, isProxied]),
      [
        ['line1', false],
        ['line2', true],
      ],
    )
    assert.deepEqual(lines.map(queueOf), [150_000, 125_000])
    assert.equal(queueOf({ rate: 1e6, rtt: 1000 }), 65_536)
    for (const name of lines.flatMap(endsOf)) assert.ok(name.length <= 15, name)
  })

  it('expects more of all lines than of one, a short gap, a line that comes back, and every octet', () => {
    assert.deepEqual(met(), [true, true, true, true])
    assert.deepEqual(met(step('all', 2.5)), [false, true, true, true])
    assert.deepEqual(met(step('cut', 3, { gap: 1000 })), [true, false, true, true])
    assert.deepEqual(met({ ...step('cut', 3), carriedAfter: undefined }), [true, true, false, true])
    assert.deepEqual(met({ ...step('cut', 3), carriedAfter: 9000 }), [true, true, false, true])
    assert.deepEqual(met(step('alone', 2, { arrivedSha256: 'bb' })), [true, true, true, false])
    assert.deepEqual(met(step('all', 1, { arrived: 9_999_999 })), [true, true, true, false])
  })

  it('measures a transfer against the lines that it could use', () => {
    assert.deepEqual(
      good.map(({ name }) => stepTitle(name, lines)),
      ['line2 alone', 'all lines', 'all, line2 cut'],
    )
    assert.match(stepRow(good[0], lines), /^line2 alone +9\.54 MiB +2\.00 s +40\.0 Mbit\/s, 80% +200 ms +equal$/)
    assert.match(stepRow(good[1], lines), / 64\.0 Mbit\/s, 91% /)
    assert.match(stepRow(step('cut', 4, { arrived: 3 }), lines), / 6 bit\/s +200 ms +NOT EQUAL$/)
    const outcome = { lines, steps: good }
    assert.match(lineRow(lines[1]!, 1, outcome), /^line2 +50\.0 Mbit\/s +20\.0 ms +SOCKS5 proxy +75% +75%$/)
  })

  const parsed = async (...tokens: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
    const top = await loadCommand('lab')
    const { command, rest } = descend(top!, ['tunnel', ...tokens])
    return await parseArgs(command, rest)
  }

  it('takes a size that says something about a rate', async () => {
    assert.equal((await parsed('--size', '64K'))['size'], 65_536)
    await assert.rejects(parsed('--size', '0'), /is not a number of bytes such as 20M, 64K at least/)
  })

  it('takes two lines or more, each with its rate and its delay', async () => {
    const parse = async (text: string) => (await parsed('--lines', text))['lines']
    assert.deepEqual(await parse('50/20, 0.5/300'), [
      { rate: 50e6, rtt: 20_000 },
      { rate: 500_000, rtt: 300_000 },
    ])
    for (const text of ['50/20', '50/20,x', '50/20,50', '0/1,1/1', '1/1,1/99999', Array(9).fill('1/1').join(',')]) {
      await assert.rejects(parse(text), /is not 2 to 8 lines such as 50\/20/, text)
    }
  })
})
