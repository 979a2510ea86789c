import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TargetRules } from '../../../src/tunnel/services/target-rules.ts'

describe('TargetRules', () => {
  const PUBLIC = ['198.51.100.7']
  /** Where the target leads by these rules, or what is said against it. */
  const ask = async (
    allow: readonly string[],
    target: string,
    found: readonly string[] = PUBLIC,
    deny: readonly string[] = [],
  ): Promise<string> => {
    try {
      const { addresses, port } = await new TargetRules({ allow, deny }).find(target, async () => found)
      return `${addresses.join()} ${port}`
    } catch (error) {
      return (error as NodeJS.ErrnoException).code!
    }
  }

  it('matches names as they are asked for', async () => {
    const allow = ['*.example.org:443', 'db.example.net:5000-5010']
    assert.equal(await ask(allow, 'www.example.org:443'), '198.51.100.7 443')
    assert.equal(await ask(allow, 'A.B.Example.ORG.:443'), '198.51.100.7 443')
    assert.equal(await ask(allow, 'db.example.net:5010'), '198.51.100.7 5010')
    for (const target of [
      'example.org:443',
      '.example.org:443',
      'badexample.org:443',
      'www.example.org.evil.net:443',
      'www.example.org:444',
      'db.example.net:4999',
      'db.example.net:0',
      '198.51.100.7:443',
      'www.example.org',
      'www.exa mple.org:443',
      'www.example.org\0:443',
      '',
    ]) {
      assert.equal(await ask(allow, target), 'EPERM', target)
    }
  })

  it('matches addresses by range, however they are written', async () => {
    const allow = ['10.0.0.0/8:*', '[2001:db8::/32]:80', '[2001:db8:1::1]:81']
    assert.equal(await ask(allow, '10.1.2.3:9'), '10.1.2.3 9')
    assert.equal(await ask(allow, '[::ffff:10.1.2.3]:9'), '::ffff:10.1.2.3 9')
    assert.equal(await ask(allow, '[2001:db8::5]:80'), '2001:db8::5 80')
    assert.equal(await ask(allow, '[2001:db8:1::1]:81'), '2001:db8:1::1 81')
    for (const target of ['11.0.0.1:80', '[2001:db8::5]:81', '[2001:db9::5]:80', 'name.example.org:80']) {
      assert.equal(await ask(allow, target), 'EPERM', target)
    }
  })

  it('shuts this machine, its link and metadata, unless a rule names that range', async () => {
    for (const target of [
      '127.0.0.1:80',
      '0.0.0.0:80',
      '169.254.169.254:80',
      '[::1]:80',
      '[::]:80',
      '[::ffff:127.0.0.1]:80',
      '[fe80::1]:80',
      '[fd00:ec2::254]:80',
      '[64:ff9b::a9fe:a9fe]:80',
      '224.0.0.1:80',
      '255.255.255.255:80',
      '127.1:80',
      '0x7f000001:80',
      '2130706433:80',
    ]) {
      assert.equal(await ask(['*:*', '0.0.0.0/0:*', '[::/0]:*'], target, ['127.0.0.1']), 'EPERM', target)
    }
    assert.equal(await ask(['127.0.0.0/8:80'], '127.0.0.1:80'), '127.0.0.1 80')
    assert.equal(await ask(['127.0.0.1:80'], '127.0.0.1:80'), '127.0.0.1 80')
    assert.equal(await ask(['127.0.0.1:80'], '127.0.0.1:81'), 'EPERM')
    assert.equal(await ask(['localhost:80'], 'localhost:80', ['127.0.0.1', '::1']), '127.0.0.1,::1 80')
    assert.equal(await ask(['localhost:80'], 'localhost:80', ['169.254.169.254']), 'EPERM')
  })

  it('refuses a name that leads where no rule opens (DNS rebinding), and takes those addresses that are open', async () => {
    const allow = ['*.example.org:80', '127.0.0.7:81']
    assert.equal(await ask(allow, 'evil.example.org:80', ['127.0.0.1']), 'EPERM')
    assert.equal(await ask(allow, 'evil.example.org:80', ['127.0.0.7']), 'EPERM')
    assert.equal(await ask(allow, 'evil.example.org:80', ['169.254.169.254', '::1']), 'EPERM')
    assert.equal(await ask(allow, 'half.example.org:80', ['127.0.0.1', '198.51.100.7']), '198.51.100.7 80')
    assert.equal(await ask([...allow, '127.0.0.7:80'], 'own.example.org:80', ['127.0.0.7']), '127.0.0.7 80')
    assert.equal(await ask(allow, 'none.example.org:80', []), 'EHOSTUNREACH')
  })

  it('denies what it is told to, whatever is allowed', async () => {
    const deny = ['192.168.0.0/16']
    assert.equal(await ask(['*:*', '192.168.1.1:80'], '192.168.1.1:80', [], deny), 'EPERM')
    assert.equal(await ask(['*:*'], 'intern.example.org:80', ['192.168.1.1'], deny), 'EPERM')
  })

  it('says which rule is none', () => {
    for (const rule of ['', 'x', 'x:', 'x:0', 'x:65536', 'x:9-1', ':80', '*.*.org:80', '10.0.0.0/99:*', 'a b:80']) {
      assert.throws(() => new TargetRules({ allow: [rule] }), { code: 'EINVAL' }, rule)
    }
    assert.throws(() => new TargetRules({ allow: [], deny: ['x'] }), { code: 'EINVAL', message: /Cannot deny "x"/ })
  })
})
