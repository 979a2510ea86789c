import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redact } from '../../../src/tunnel/config/redact.ts'
import { client, read, server } from './read.ts'

describe('redact()', () => {
  it('hides every secret, and nothing else', () => {
    const scram = `SCRAM-SHA-256$4096:c2FsdA==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`
    const ofServer = read(server().replace('secret }', `hunter2 }, { name: bob, scram: "${scram}" }`))
    const ofClient = read(
      client().replace('secret', 'hunter3').replace('remote:', 'proxy: "http://u:hunter4@h:1", remote:'),
    )
    for (const config of [ofServer, ofClient]) {
      const shown = redact(config)
      assert.doesNotMatch(JSON.stringify(shown), /hunter|AAAA/)
      assert.match(JSON.stringify(config), /hunter/)
      assert.deepEqual(Object.keys(shown), Object.keys(config))
    }
    assert.match(JSON.stringify(redact(ofServer)), /"password":"\(hidden\)".*"scram":"\(hidden\)"/)
    assert.match(JSON.stringify(redact(ofClient)), /"user":"u","password":"\(hidden\)"/)
  })
})
