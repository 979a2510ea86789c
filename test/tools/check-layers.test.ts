import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkLayers } from '../../tools/check-layers.ts'

const check = (...files: readonly (readonly [string, string])[]): string[] =>
  checkLayers(files.map(([path, text]) => ({ path, text })))

describe('checkLayers', () => {
  it('accepts what stands before and the own folder', () => {
    const problems = check(
      ['base/a.ts', "import { b } from './b.ts'\nexport const a = b"],
      ['base/b.ts', 'export const b = Math.floor(1.5)'],
      ['tcp/x.ts', "import type { A } from '../base/a.ts'\nexport { y } from '../ip/y.ts'"],
      ['cli/z.ts', "import { readFileSync } from 'node:fs'\nsetTimeout(() => console.log(Date.now()), 1)"],
      ['index.ts', "export { a } from './base/a.ts'\nimport 'node:fs'"],
    )
    assert.deepEqual(problems, [])
  })

  it('refuses an import from a folder that stands after', () => {
    for (const statement of [
      "import { x } from '../tcp/x.ts'",
      "import type { X } from '../tcp/x.ts'",
      "import {\n  x,\n} from '../tcp/x.ts'",
      "export { x } from '../tcp/x.ts'",
      "export * from '../tcp/x.ts'",
      "import '../tcp/x.ts'",
      "const x = await import('../tcp/x.ts')",
    ]) {
      assert.deepEqual(
        check(['ip/a.ts', statement]),
        ['ip/a.ts: ip may not import tcp/x.ts, which stands after it'],
        statement,
      )
    }
  })

  it('refuses an import of the public index and of what lies outside', () => {
    assert.equal(check(['ip/a.ts', "import { x } from '../index.ts'"]).length, 1)
    assert.equal(check(['ip/a.ts', "import { x } from '../../tools/scan.ts'"]).length, 1)
  })

  it('refuses an unknown folder', () => {
    assert.deepEqual(check(['misc/a.ts', '']), ['misc/a.ts: "misc" is not a known layer'])
  })

  it('refuses packages and node: in the pure part only', () => {
    assert.equal(check(['session/a.ts', "import { a } from 'node:fs'"]).length, 1)
    assert.equal(check(['wire/a.ts', "import yargs from 'yargs'"]).length, 1)
    assert.equal(check(['driver/a.ts', "import { a } from 'node:fs'"]).length, 0)
  })

  it('refuses clocks, randomness, timers and input or output in the pure part, and says where', () => {
    for (const [expression, named] of [
      ['Date.now()', 'Date'],
      ['Math.random()', 'Math.random'],
      ["Math['random']()", 'Math.random'],
      ['const { random } = Math', 'Math.random'],
      ['setTimeout(f, 1)', 'setTimeout'],
      ['setInterval(f, 1)', 'setInterval'],
      ['setImmediate(f)', 'setImmediate'],
      ['queueMicrotask(f)', 'queueMicrotask'],
      ['performance.now()', 'performance'],
      ['process.env', 'process'],
      ['console.log(1)', 'console'],
      ["Buffer.from('a')", 'Buffer'],
      ['`${Date.now()}`', 'Date'],
      ['globalThis.process', 'globalThis'],
    ]) {
      assert.deepEqual(check(['tcp/a.ts', `\n${expression}`]), [`tcp/a.ts:2: the pure part uses ${named}`], expression)
    }
  })

  it('looks past comments, strings, templates, regular expressions and members', () => {
    const text = [
      '// Date.now() and setTimeout',
      '/* process\n * console */',
      "const a = 'Buffer'",
      'const b = "it\\"s Date"',
      "const c = `process ${a.performance} ${`console ${'Date'}`} {}`",
      'const d = /Date["\']/.test(a)',
      'const e = 4 / 2 / 1; const f = this.process; const updateDate = 1',
      "// import { x } from '../cli/x.ts'",
      'const g = "from \'../cli/x.ts\'"',
      "const h = Array.from('node:fs')",
    ].join('\n')
    assert.deepEqual(check(['tcp/a.ts', text]), [])
  })

  it('refuses import circles inside a folder, type imports included', () => {
    const problems = check(
      ['tcp/a.ts', "import type { B } from './b.ts'"],
      ['tcp/b.ts', "import { c } from './c.ts'"],
      ['tcp/c.ts', "import { a } from './a.ts'"],
    )
    assert.deepEqual(problems, ['import circle: tcp/a.ts -> tcp/b.ts -> tcp/c.ts -> tcp/a.ts'])
  })

  it('lets a module be loaded later by one that it imports', () => {
    const problems = check(
      ['cli/registry.ts', "const load = () => import('./help.ts')"],
      ['cli/help.ts', "import { load } from './registry.ts'"],
    )
    assert.deepEqual(problems, [])
  })
})
