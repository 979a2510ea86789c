import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { below, type Rng, seededRng } from '../../src/base/rng.ts'
import { ConfigurationError } from '../../src/script/configuration.ts'
import { parseScript } from '../../src/script/parse.ts'
import { runScript } from '../../src/script/run-script.ts'
import { ScriptSyntaxError } from '../../src/script/syntax-error.ts'

const FOLDER = join(import.meta.dirname, '../../../test/packets')
const SCRIPTS: readonly string[] = readdirSync(FOLDER).map((file) => readFileSync(join(FOLDER, file), 'utf8'))
const WORDS: readonly string[] = SCRIPTS.flatMap((text) => text.match(/\S+/g) ?? [])
/** What numbers are replaced by. */
const EDGES = ['0', '1', '-1', '65535', '65536', '2147483648', '4294967295', '4294967296', '1.5', '0x7f', '*', '...']

/** How many scripts are tried: GOTCP_FUZZ, or enough for every run. */
const COUNT = Math.min(Number(process.env['GOTCP_FUZZ'] ?? 3000), 100_000)

const pick = <T>(rng: Rng, items: readonly T[]): T => items[below(rng, items.length)]!

/** One of the places where `pattern` is found, with something else there. */
function replaceOne(rng: Rng, text: string, pattern: RegExp, by: string): string {
  const found = [...text.matchAll(pattern)]
  if (found.length === 0) return text
  const { index, 0: old } = pick(rng, found)
  return text.slice(0, index) + by + text.slice(index + old.length)
}

/** Each spoils a script in its way. */
const SPOILERS: readonly ((rng: Rng, text: string) => string)[] = [
  (rng, text) => replaceOne(rng, text, /[\s\S]/g, String.fromCharCode(below(rng, 256))),
  (rng, text) => replaceOne(rng, text, /[\s\S]{1,20}/g, ''),
  (rng, text) => replaceOne(rng, text, /.*\n/g, ''),
  (rng, text) => replaceOne(rng, text, /$/gm, `\n${pick(rng, text.split('\n'))}`),
  (rng, text) => replaceOne(rng, text, /$/gm, `\n${pick(rng, pick(rng, SCRIPTS).split('\n'))}`),
  (rng, text) => replaceOne(rng, text, /\d+/g, pick(rng, EDGES)),
  (rng, text) => replaceOne(rng, text, /\S+/g, pick(rng, WORDS)),
]

function spoiled(rng: Rng): string {
  let text = pick(rng, SCRIPTS)
  for (let changes = 1 + below(rng, 4); changes > 0; changes--) text = pick(rng, SPOILERS)(rng, text)
  return text
}

describe(`${COUNT} scripts of the syllabus with something spoiled`, () => {
  it('are refused by their place, fail or pass, and nothing else happens', () => {
    const rng = seededRng(1)
    let ran = 0
    for (let i = 0; i < COUNT; i++) {
      const text = spoiled(rng)
      try {
        runScript(parseScript(text))
        ran++
      } catch (error) {
        const isRefusal = error instanceof ScriptSyntaxError || error instanceof ConfigurationError
        assert.ok(isRefusal, `${(error as Error).stack}\n${text}`)
      }
    }
    assert.ok(ran > COUNT / 10, `only ${ran} ran`)
  })
})
