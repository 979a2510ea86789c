import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { citedIn, coveragePage, findCitations, parseRequirements } from '../../tools/rfc/coverage.ts'

const { requirements } = parseRequirements(readFileSync('tools/rfc/requirements.txt', 'utf8'))

describe('docs/rfc-coverage.md', () => {
  it('is what the code and the tests say; npm run docs writes it again', () => {
    assert.equal(readFileSync('docs/rfc-coverage.md', 'utf8'), coveragePage())
  })

  it('has every label that a comment or a title names', () => {
    const known = new Set(requirements.map((requirement) => `RFC ${requirement.rfc} ${requirement.key}`))
    const { code, tests } = findCitations()
    const unknown = [...code.keys(), ...tests.keys()].filter((key) => /[A-Z]-\d/.test(key) && !known.has(key))
    assert.deepEqual(unknown, [])
  })

  it('shows each requirement by a test, or says why it is not met', () => {
    const { tests } = findCitations()
    const open = requirements.filter(({ key, not, rfc }) => not === undefined && !tests.has(`RFC ${rfc} ${key}`))
    assert.deepEqual(
      open.map(({ rfc, key, text }) => `RFC ${rfc} ${key}: ${text}`),
      [],
    )
  })
})

describe('citedIn', () => {
  it('finds labels, sections with all that contain them, steps, and a second section of the same document', () => {
    const text = 'RFC 9293 §3.8.6.1 (MUST-36), RFC 8985 §6.2 step 4, RFC 7323 §3.2 and §5.3, RFC 6298 (5.3)'
    const cited = citedIn(text)
    const expected = ['RFC 9293 MUST-36', 'RFC 9293 §3.8.6.1', 'RFC 9293 §3.8', 'RFC 8985 §6.2 step 4', 'RFC 8985 §6.2']
    for (const key of [...expected, 'RFC 7323 §5.3', 'RFC 6298 §5.3']) assert.ok(cited.has(key), key)
    assert.ok(!cited.has('RFC 8985 §6.2 step 5'))
  })
})
