import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { runCode } from '../../src/script/code.ts'
import { CodeError } from '../../src/script/code-tokens.ts'
import type { CodeValue } from '../../src/script/code-value.ts'

const INFO: readonly (readonly [string, CodeValue])[] = [
  ['tcpi_snd_cwnd', 10],
  ['tcpi_options', 0x2f],
  ['TCPI_OPT_SYN_DATA', 32],
]
const run = (code: string): ReturnType<typeof runCode> => runCode(code, new Map(INFO))
const holds = (condition: string): boolean => run(`assert ${condition}`).failure === undefined

describe('runCode()', () => {
  it('computes as Python does', () => {
    for (const condition of [
      '1 + 2 * 3 == 7',
      '(1 + 2) * 3 == 9',
      '-7 // 2 == -4 and -7 % 3 == 2',
      '7 / 2 == 3.5',
      '2 ** 3 ** 2 == 512 and -2 ** 2 == -4',
      '0xff & 0x0f == 15',
      '1 << 40 == 1099511627776',
      '0x7fffffff | 0x80000000 == 4294967295',
      '90 <= tcpi_snd_cwnd * 10 <= 110',
      'not 1 < 0 < 2',
      '0 or 3',
      'True and not False',
      '(tcpi_options & TCPI_OPT_SYN_DATA) != 0',
      "'a%d%%' % 7 == 'a7%'",
      "'%s %5d %04x %.2f' % ('x', 42, 255, 1.5) == 'x    42 00ff 1.50'",
      'min(3, 2) + max(1, 5) + abs(-1) + int(2.9) == 10',
      '(1, 2) == (1, 2)',
    ]) {
      assert.ok(holds(condition), condition)
    }
    for (const condition of ['1 < 2 < 2', '0', "''", '()', '1 == 2', 'not 1']) assert.ok(!holds(condition), condition)
  })

  it('says which assertion does not hold, with its message and the values of its names', () => {
    const { failure } = run("assert 1\nassert tcpi_snd_cwnd == 12, 'cwnd=%d' % tcpi_snd_cwnd")
    assert.deepEqual(failure, {
      line: 1,
      expected: 'tcpi_snd_cwnd == 12',
      seen: 'cwnd=10 (tcpi_snd_cwnd 10)',
    })
  })

  it('keeps what is assigned, prints, and ends statements with lines, semicolons and comments', () => {
    const variables = new Map(INFO)
    const first = runCode('cwnd = 8; cwnd += 1 # and one more\nprint(cwnd, "segments")', variables)
    assert.deepEqual(first.printed, ['9 segments'])
    assert.equal(runCode('assert (cwnd ==\n 9); \\\n assert cwnd < 10', variables).failure, undefined)
  })

  for (const [code, line, message] of [
    ['assert x == 1', 0, /Nothing is called x here/],
    ['import os', 0, /Nothing is called import here/],
    ['\nassert 1 +', 1, /Expected a value/],
    ['assert (1', 0, /Expected "\)"/],
    ['system("rm")', 0, /The function system\(\) is not one of print, abs/],
    ['constructor(1)', 0, /The function constructor\(\) is not one of/],
    ['1 / 0', 0, /Cannot compute 1 \/ 0/],
    ["1 + 'a'", 0, /Cannot compute 1 \+ a/],
    ['assert $', 0, /Cannot read "\$"/],
    [`${'('.repeat(200)}`, 0, /nests too deeply/],
  ] as const) {
    it(`refuses ${JSON.stringify(code.slice(0, 20))} with a word on it`, () => {
      assert.throws(
        () => run(code),
        (error) => error instanceof CodeError && error.line === line && message.test(error.message),
      )
    })
  }

  it('takes any text, and throws nothing but its own error', () => {
    const pieces = fc.constantFrom(
      ...[
        'assert ',
        'tcpi_snd_cwnd ',
        '1 ',
        '== ',
        '( ',
        ') ',
        '- ',
        '** ',
        ', ',
        ';',
        '\n',
        '% ',
        "'%d' ",
        'not ',
        '= ',
        '<< ',
      ],
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (code) => {
          try {
            run(code)
          } catch (error) {
            assert.ok(error instanceof CodeError, String(error))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
