import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { parseConfig } from '../../../src/tunnel/config/parse.ts'
import { ConfigError } from '../../../src/tunnel/config/problem.ts'
import { client, ENV, server } from './read.ts'

const RUNS = { numRuns: 150 }

/** Reads a text; what it throws must be a list of mistakes that lie in the text. */
function check(text: string): void {
  try {
    parseConfig(text, { file: 'x.yaml', env: ENV, isRoot: false })
  } catch (error) {
    assert.ok(error instanceof ConfigError, `${(error as Error).stack}\n${text}`)
    assert.ok(error.problems.length > 0)
    const lines = text.split(/\r\n|\r|\n/).length
    for (const { line, column, text: says } of error.problems) {
      assert.ok(line >= 1 && line <= lines + 1, `line ${line} of ${lines}: ${says}\n${text}`)
      assert.ok(column >= 1)
      assert.doesNotMatch(says, /undefined|\[object/)
    }
  }
}

const KEYS =
  `mode listen tls users users-file allow services limits name log control metrics state window stream-window budget
scheduler freeze ping drain user password trust certificate paths remote connections local interface via proxy role weight
quota rate connect-timeout type connect pool proxy-protocol idle target peer fingerprint ca level file format address count
tunnel auth whiteips fastopen __proto__ constructor toString`.split(/\s+/)

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      'server',
      'client',
      'tcp',
      'udp',
      'proxy',
      'socks5',
      '127.0.0.1:80',
      '*:*',
      'unix:x',
      '${HOME}',
      '64M',
    ),
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...KEYS), tie('any')), { maxLength: 8 }).map((entries) => new Map(entries)),
  ),
})).any

describe('whatever stands in the file', () => {
  it('is a configuration or a list of mistakes: text', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), check), RUNS)
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...'{}[]:-,\n\t "\'&*!|>%@#$a1?<'), { maxLength: 60 }), (all) =>
        check(all.join('')),
      ),
      RUNS,
    )
  })

  it('is a configuration or a list of mistakes: keys and values', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('server', 'client', 'other'),
        fc.array(fc.tuple(fc.constantFrom(...KEYS), value)),
        (mode, entries) => check(stringify(new Map<string, unknown>([['mode', mode], ...entries]))),
      ),
      RUNS,
    )
  })

  it('is a configuration or a list of mistakes: a good file that was damaged', () => {
    const good = fc.constantFrom(server('limits: { half-open: 9 }'), client('log: { level: debug }'))
    const damage = fc.tuple(
      fc.nat(),
      fc.nat({ max: 12 }),
      fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('\n', ': ', '- ', '{', '"')),
    )
    fc.assert(
      fc.property(good, damage, (text, [at, length, other]) => {
        const from = at % text.length
        check(text.slice(0, from) + other + text.slice(from + length))
      }),
      RUNS,
    )
  })

  it('does not grow without bounds through aliases', () => {
    const levels = Array.from({ length: 30 }, (_, i) => `k${i + 1}: &k${i + 1} [*k${i}, *k${i}, *k${i}]`)
    check(`mode: server\nk0: &k0 [x, x]\n${levels.join('\n')}`)
  })
})
