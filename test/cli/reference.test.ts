import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { GROUPS } from '../../src/cli/command.ts'
import { parseArgs } from '../../src/cli/parse.ts'
import { cliReference } from '../../src/cli/reference.ts'
import { descend, flatten, loadCommand, loadCommands } from '../../src/cli/registry.ts'

describe('the commands as data', () => {
  it('are what docs/cli.md says (else: npm run docs)', async () => {
    assert.equal(readFileSync('docs/cli.md', 'utf8'), cliReference(await loadCommands()))
  })

  it('have a summary, an example, a known group, and flags that do not collide', async () => {
    for (const { path, command } of flatten(await loadCommands())) {
      assert.match(command.summary, /^[a-z].*[^.]$/, path)
      assert.ok(command.examples.length > 0, path)
      assert.ok(GROUPS.includes(command.group), path)
      const names = Object.entries(command.flags).flatMap(([name, flag]) => [name, flag.short ?? []].flat())
      assert.equal(new Set(names).size, names.length, `${path}: ${names.join(' ')}`)
      for (const name of Object.keys(command.flags)) assert.match(name, /^[a-z][a-z0-9-]*$/, `${path} --${name}`)
    }
  })

  it('give only examples that parse', async () => {
    for (const { path, command } of flatten(await loadCommands())) {
      for (const { command: line } of command.examples) {
        const rest = /\bgotcp ((?:'[^']*'|[^|>()])*)/.exec(line)?.[1] ?? ''
        const words = [...rest.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!)
        const top = await loadCommand(words[0] ?? '')
        assert.ok(top !== undefined, `${path}: ${line}`)
        const located = descend(top, words.slice(1))
        await parseArgs(located.command, located.rest)
      }
    }
  })
})
