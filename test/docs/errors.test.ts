import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ERROR_CODES } from '../../src/base/errors.ts'

const root = join(import.meta.dirname, '../../..')

describe('docs/errors.md', () => {
  it('has one heading for each code, in the order of the table', () => {
    const text = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1])
    assert.deepEqual(headings, Object.keys(ERROR_CODES))
  })
})
