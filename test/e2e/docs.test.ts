import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseArgs } from '../../src/cli/parse.ts'
import { descend, loadCommand } from '../../src/cli/registry.ts'

/** Every document that shows commands. */
const documents = (): string[] => [
  'README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

/** The gotcp command lines in a document's console blocks, those of `lab exec` unwrapped too. */
function commandLines(text: string): string[][] {
  const blocks = [...text.matchAll(/^```(?:console|sh|bash)\n([\s\S]*?)^```/gm)].map((match) => match[1]!)
  const lines = blocks.flatMap((block) => block.split('\n')).filter((line) => /^[$#] /.test(line))
  return lines.flatMap((line) =>
    [...line.replace(/\s#.*$/, '').matchAll(/\bgotcp (?!=)([^|>&;()]*)/g)].map((match) => words(match[1]!)),
  )
}

const words = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!)

/** @throws when gotcp would refuse the command line. */
async function check([name = '', ...rest]: readonly string[]): Promise<void> {
  if (name.startsWith('-')) return
  const top = await loadCommand(name)
  assert.ok(top !== undefined, `no command "${name}"`)
  const { command, rest: tokens } = descend(top, rest)
  const args = await parseArgs(command, tokens)
  const inner = command.passthrough === true ? args._.slice(1) : []
  if (inner[0] === 'gotcp') await check(inner.slice(1))
}

describe('the documents', () => {
  for (const file of documents().filter((f) => existsSync(f))) {
    it(`${file} shows only commands that gotcp understands`, async () => {
      for (const line of commandLines(readFileSync(file, 'utf8'))) {
        await check(line).catch((error) => assert.fail(`${file}: gotcp ${line.join(' ')}: ${error.message}`))
      }
    })
  }

  it('the check can fail', async () => {
    const lines = commandLines(
      '```console\n$ gotcp lab upp | cat\n$ sudo gotcp nonsense\n# gotcp lab up --bogus\n```\n',
    )
    assert.deepEqual(lines, [['lab', 'upp'], ['nonsense'], ['lab', 'up', '--bogus']])
    for (const line of lines.slice(1)) await assert.rejects(check(line))
  })
})
