import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { passes } from './run.ts'

const FOLDER = join(import.meta.dirname, '../../../test/packets')

describe('the syllabus of packet scripts', () => {
  for (const file of readdirSync(FOLDER)) {
    const text = readFileSync(join(FOLDER, file), 'utf8')

    it(`${file} passes, and skips nothing`, () => {
      assert.deepEqual(passes(text).skipped, [])
    })

    it(`${file} says what it shows, and where the RFCs say so`, () => {
      const [comment = ''] = /^(\/\/.*\n)+/.exec(text) ?? []
      assert.match(comment.replaceAll('\n// ', ' '), /RFC \d+ §\d/)
    })
  }
})
