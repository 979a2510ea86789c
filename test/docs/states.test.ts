import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { statesPage } from '../../tools/write-docs.ts'

describe('docs/tcp-states.md', () => {
  it('is what the code draws; npm run docs writes it again', () => {
    assert.equal(readFileSync('docs/tcp-states.md', 'utf8'), statesPage())
  })
})
