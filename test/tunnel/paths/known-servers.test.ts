import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { KnownServers } from '../../../src/tunnel/paths/known-servers.ts'
import { temporaryFolder } from '../../transport/temporary.ts'

const ONE = `sha256:${'1'.repeat(64)}`
const OTHER = `sha256:${'2'.repeat(64)}`

describe('KnownServers', () => {
  it('takes anybody for whom it does not know, and from then on nobody else', () =>
    temporaryFolder(async (folder) => {
      const state = join(folder, 'made', 'when needed')
      const known = new KnownServers(state)
      await known.check('a.example:7000', ONE)
      await known.keep('a.example:7000', ONE)
      await known.check('a.example:7000', ONE)
      await assert.rejects(known.check('a.example:7000', OTHER), {
        code: 'ERR_CERTIFICATE',
        message: new RegExp(
          `Cannot trust a.example:7000: .*${OTHER}, and was ${ONE}.* remove its line from ${state}/known-servers`,
        ),
      })
      // Another remote, and another port, are others.
      for (const remote of ['b.example:7000', 'a.example:7001']) await known.check(remote, OTHER)
      assert.equal(statSync(join(state, 'known-servers')).mode & 0o777, 0o600)
    }))

  it('keeps all that come at once, whatever process they are kept by later', () =>
    temporaryFolder(async (folder) => {
      const known = new KnownServers(folder)
      const remotes = Array.from({ length: 20 }, (_, i) => `[2001:db8::${i}]:7000`)
      await Promise.all(remotes.map((remote) => known.keep(remote, ONE)))
      const later = new KnownServers(folder)
      await later.keep(remotes[3]!, OTHER)
      for (const [i, remote] of remotes.entries()) await known.check(remote, i === 3 ? OTHER : ONE)
    }))

  it('lets people edit its file, while it is in use', () =>
    temporaryFolder(async (folder) => {
      const known = new KnownServers(folder)
      const file = join(folder, 'known-servers')
      await known.keep('a.example:7000', ONE)
      await known.keep('b.example:7000', ONE)
      const lines = readFileSync(file, 'utf8').split('\n')
      writeFileSync(file, lines.filter((line) => !line.startsWith('a.example')).join('\r\n'))
      await known.check('a.example:7000', OTHER)
      await assert.rejects(known.check('b.example:7000', OTHER), { code: 'ERR_CERTIFICATE' })
      writeFileSync(
        file,
        `nonsense\n# c.example:7000 ${ONE}\nb.example:7000 sha256:12\n a.example:7000   ${OTHER}  by hand`,
      )
      for (const remote of ['b.example:7000', 'c.example:7000']) await known.check(remote, OTHER)
      await assert.rejects(known.check('a.example:7000', ONE), { code: 'ERR_CERTIFICATE' })
    }))

  it('says what it cannot read or write, and lets nobody in on that account', () =>
    temporaryFolder(async (folder) => {
      writeFileSync(join(folder, 'a-file'), '')
      const nowhere = new KnownServers(join(folder, 'a-file'))
      await assert.rejects(nowhere.check('a.example:7000', ONE), { code: 'EINVAL', message: /a-file\/known-servers/ })
      await assert.rejects(nowhere.keep('a.example:7000', ONE), { code: 'EINVAL' })
    }))
})
