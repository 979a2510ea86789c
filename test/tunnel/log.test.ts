import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { openLog } from '../../src/tunnel/log.ts'

describe('openLog() to a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gotcp-log-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const linesOf = (file: string): readonly string[] => readFileSync(file, 'utf8').trim().split('\n')

  it('writes a line at once, without what is not known, and for its owner alone', async () => {
    const file = join(folder, 'new/text.log')
    const log = await openLog({ level: 'info', file, format: 'text' })
    log.info('path added', { path: 'one', why: undefined, of: 'two words' })
    log.debug('not worth a line')
    assert.match(readFileSync(file, 'utf8'), /^\S+ info path added path=one of="two words"\n$/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('goes on in a new file when the old one was moved away', async () => {
    const file = join(folder, 'turned.log')
    const log = await openLog({ level: 'info', file, format: 'json' })
    log.info('before')
    renameSync(file, `${file}.1`)
    log.info('still before')
    log.reopen()
    log.info('after')
    const messages = (path: string): readonly string[] => linesOf(path).map((line) => JSON.parse(line).message)
    assert.deepEqual(messages(`${file}.1`), ['before', 'still before'])
    assert.deepEqual(messages(file), ['after'])
  })

  it('refuses what is no file, and goes on in the old one where there is no new one', async () => {
    await assert.rejects(openLog({ level: 'info', file: folder, format: 'text' }), {
      code: 'EINVAL',
      message: /^Cannot write the log to .*: EISDIR: .*"log" names another file/,
    })
    const file = join(folder, 'stays.log')
    const log = await openLog({ level: 'info', file, format: 'text' })
    renameSync(file, `${file}.1`)
    mkdirSync(file)
    assert.throws(() => log.reopen(), { code: 'EINVAL' })
    log.warn('still here')
    assert.match(linesOf(`${file}.1`).join(), /warn still here/)
  })
})
