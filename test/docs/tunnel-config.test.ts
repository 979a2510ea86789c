import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { tunnelConfigPage } from '../../tools/tunnel-config.ts'

describe('docs/tunnel-config.md', () => {
  it('is what the schemas say; npm run docs writes it again', () => {
    assert.equal(readFileSync('docs/tunnel-config.md', 'utf8'), tunnelConfigPage())
  })

  it('has every key of both ends, services included', () => {
    const page = tunnelConfigPage()
    const keys =
      'mode listen client-ca half-open password-file proxy-protocol keepalive connections via fingerprint target deny ping freeze'
    for (const key of keys.split(' ')) assert.match(page, new RegExp(`^\\| \`${key}\` \\|`, 'm'), key)
  })
})
