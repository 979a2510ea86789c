import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  fingerprintOf,
  IDENTITY_FILE,
  ownIdentity,
  parseFingerprint,
  readIdentity,
} from '../../src/transport/certificate.ts'
import { testCertificate } from './certificate.ts'
import { temporaryFolder } from './temporary.ts'

describe('ownIdentity()', () => {
  it('is made once, kept for its owner alone, and leaves nothing else', () =>
    temporaryFolder(async (folder) => {
      const directory = join(folder, 'state', 'gotcp')
      const made = await Promise.all([ownIdentity(directory), ownIdentity(directory), ownIdentity(directory)])
      assert.deepEqual(made[1], made[0])
      assert.deepEqual(made[2], made[0])
      assert.deepEqual(await ownIdentity(directory), made[0])
      assert.deepEqual(await readdir(directory), [IDENTITY_FILE])
      assert.equal((await stat(join(directory, IDENTITY_FILE))).mode & 0o777, 0o600)
      assert.equal((await stat(directory)).mode & 0o777, 0o700)
    }))

  it('is a certificate of gotcp, P-256, for ten years', () =>
    temporaryFolder(async (folder) => {
      const { certificate } = await ownIdentity(folder)
      const parsed = new X509Certificate(certificate)
      assert.equal(parsed.subject, 'CN=gotcp')
      assert.equal(parsed.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
      const years = (Date.parse(parsed.validTo) - Date.parse(parsed.validFrom)) / 86_400_000 / 365.25
      assert.ok(Math.abs(years - 10) < 0.02, `${years}`)
      assert.equal(parsed.verify(parsed.publicKey), true)
    }))

  it('says what is wrong with what is there, and does not replace it', () =>
    temporaryFolder(async (folder) => {
      await writeFile(join(folder, IDENTITY_FILE), 'nonsense')
      await assert.rejects(
        ownIdentity(folder),
        /Cannot use ".*identity\.pem": it holds no certificate in PEM \(EINVAL\)/,
      )
      await assert.rejects(
        ownIdentity(join(folder, IDENTITY_FILE)),
        /Cannot keep the server's certificate in ".*ENOTDIR/,
      )
    }))
})

describe('readIdentity()', () => {
  it('reads files as authorities give them, and says which is wrong', () =>
    temporaryFolder(async (folder) => {
      const one = await testCertificate()
      const other = await testCertificate()
      const path = (name: string): string => join(folder, name)
      await writeFile(path('cert.pem'), one.cert)
      await writeFile(path('key.pem'), one.key)
      await writeFile(path('other.pem'), other.key)
      await writeFile(path('both.pem'), `${one.key}\n${one.cert}`)
      assert.deepEqual(await readIdentity(path('cert.pem'), path('key.pem')), { certificate: one.cert, key: one.key })
      await readIdentity(path('both.pem'), path('both.pem'))
      for (const [certificate, key, why] of [
        ['none.pem', 'key.pem', /Cannot read the certificate ".*none\.pem": ENOENT.*\(EINVAL\)/],
        ['cert.pem', 'none.pem', /Cannot read the key ".*none\.pem": ENOENT/],
        ['key.pem', 'key.pem', /Cannot use ".*key\.pem": it holds no certificate/],
        ['cert.pem', 'cert.pem', /Cannot use ".*cert\.pem": it holds no private key/],
        ['cert.pem', 'other.pem', /Cannot use ".*other\.pem": it is not the key of ".*cert\.pem"/],
      ] as const) {
        await assert.rejects(readIdentity(path(certificate), path(key)), why)
      }
    }))
})

describe('parseFingerprint()', () => {
  it('reads what we write, and what openssl does', async () => {
    const { cert } = await testCertificate()
    const ours = fingerprintOf(cert)
    assert.match(ours, /^sha256:[0-9a-f]{64}$/)
    const { fingerprint256 } = new X509Certificate(cert)
    for (const text of [
      ours,
      ours.slice(7),
      fingerprint256,
      `sha256 Fingerprint=${fingerprint256}`,
      `SHA256:${fingerprint256}`,
    ]) {
      assert.equal(parseFingerprint(text), ours, text)
    }
    for (const text of ['', 'sha256:', ours.slice(0, -1), `${ours}0`, `sha1:${ours.slice(7)}`]) {
      assert.equal(parseFingerprint(text), undefined, text)
    }
  })
})
