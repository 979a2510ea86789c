import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { probeAccess } from '../../src/lab/namespace.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** Where the tests were built to; the document says dist. */
const BUILD = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const access = probeAccess()

interface Section {
  readonly title: string
  readonly commands: readonly string[]
  /** What the section promises to be printed; `…` stands for anything. */
  readonly promised: readonly string[]
}

/** The console blocks of a document by heading. */
const sections = (text: string): Section[] =>
  text
    .split(/^## /m)
    .map((part) => {
      const blocks = [...part.matchAll(/^```console\n([\s\S]*?)^```/gm)].map((match) => match[1]!)
      return { title: part.split('\n')[0]!, ...read(blocks.join('').trimEnd().split('\n')) }
    })
    .filter(({ commands }) => commands.length > 0)

/** Tells the commands of a console from what they print; a command goes on to the end of its here-document. */
function read(lines: readonly string[]): Pick<Section, 'commands' | 'promised'> {
  const commands: string[] = []
  const promised: string[] = []
  let end: string | undefined
  for (const line of lines) {
    if (end !== undefined) {
      commands.push(line)
      if (line === end) end = undefined
    } else if (line.startsWith('$ ')) {
      commands.push(line.slice(2))
      end = /<<'(\w+)'$/.exec(line)?.[1]
    } else if (line !== '…') promised.push(line)
  }
  return { commands, promised }
}

const pattern = (line: string): RegExp =>
  new RegExp(
    `^${line
      .split('…')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ +/g, ' +'))
      .join('.*')}`,
    'm',
  )

/** Pages that a reader goes through from top to bottom, in a lab or without. */
for (const page of ['docs/lab.md', 'docs/tour.md']) walkThrough(page, 'access' in access ? false : access.reason)
walkThrough('docs/scripts.md', false)

function walkThrough(page: string, skip: string | false): void {
  describe(page, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), `gotcp-doc-${process.pid}-`))
    const env = { ...process.env, XDG_RUNTIME_DIR: folder, PATH: `${folder}:${process.env['PATH']}` }
    writeFileSync(join(folder, 'gotcp'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
    chmodSync(join(folder, 'gotcp'), 0o755)
    symlinkSync(resolve('test'), join(folder, 'test'))
    after(() => {
      spawnSync('gotcp', ['lab', 'down'], { env })
      rmSync(folder, { recursive: true, force: true })
    })

    // One shell for the whole page, as a reader has: what a section starts the next may use.
    it('does what it says from top to bottom', () => {
      const parts = sections(readFileSync(page, 'utf8'))
      const script = parts
        .map(({ title, commands }) => [`echo '## ${title.replaceAll("'", '')}'`, ...commands].join('\n'))
        .join('\n')
        .replaceAll(' dist/', ` ${BUILD}/`)
      const result = spawnSync('bash', ['-e'], { input: script, cwd: folder, env, encoding: 'utf8', timeout: 120_000 })
      assert.equal(result.status, 0, `${result.stdout}\n${result.stderr}`)
      const printed = result.stdout.split(/^## /m)
      for (const { title, promised } of parts) {
        const text = printed.find((part) => part.startsWith(title.replaceAll("'", ''))) ?? ''
        for (const line of promised) assert.match(text, pattern(line), `${title}: ${line}\n${text}\n${result.stderr}`)
      }
    })
  })
}
