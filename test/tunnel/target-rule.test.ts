import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TARGET } from '../../src/tunnel/config/kinds.ts'
import { isMeant, parseTarget, parseTargetRule, targetRule } from '../../src/tunnel/target-rule.ts'

describe('targetRule()', () => {
  for (const [rule, yes, no] of [
    ['*:*', ['a:1', '10.0.0.1:9', '[::1]:65535'], []],
    ['*:443', ['a:443', '10.0.0.1:443', '[::1]:443'], ['a:80']],
    ['example.org:443', ['example.org:443', 'EXAMPLE.org.:443'], ['www.example.org:443', 'example.org:80']],
    ['*.example.org:443', ['a.example.org:443', 'a.b.example.org:443'], ['example.org:443', 'a.example.org.evil:443']],
    ['b\u00fccher.example:80', ['xn--bcher-kva.example:80'], ['bcher.example:80']],
    [
      '10.0.0.0/8:*',
      ['10.9.9.9:1', '[::ffff:10.1.1.1]:80'],
      ['11.0.0.1:1', 'ten.example:1', '0x0a.1:80', '167772161:80'],
    ],
    ['192.0.2.1:80-90', ['192.0.2.1:80', '192.0.2.1:90'], ['192.0.2.1:91', '192.0.2.2:80']],
    ['[2001:db8::/32]:*', ['[2001:db8::1]:80', '[2001:DB8:0::9]:80'], ['[2001:db9::1]:80', '[fe80::1%eth0]:80']],
  ] as const) {
    it(`reads ${rule}`, () => {
      const parsed = targetRule(rule)
      const allows = (text: string): boolean => {
        const target = parseTarget(text)
        return target !== undefined && isMeant(target, parsed)
      }
      for (const text of yes) assert.equal(allows(text), true, text)
      for (const text of no) assert.equal(allows(text), false, text)
    })
  }

  it('refuses what is no rule, and what may be taken for another', () => {
    const ports = ['', '*', 'host', 'host:', 'host:0', 'host:99999', 'host:9-1', 'host:1-2-3', 'host:*-9', ':80']
    const hosts = [
      'db?:80',
      'db*:80',
      '*1:80',
      '*.*.org:80',
      '*.:80',
      'a b:1',
      'a/8:1',
      'db#x:80',
      'user@db:80',
      'db%2e:80',
    ]
    const addresses = ['10.0.0.0/x:1', '10.0.0.0/99:*', '127.1:80', '0x7f.1:80', '*.127.0.0.1:80', '*.1:80']
    const brackets = ['::1:80', '2001:db8::/32:80', '[2001:db8::]/32:80', '[10.0.0.1]:80', '[db]:80', '[]:80', '[::1]:']
    for (const text of [...ports, ...hosts, ...addresses, ...brackets]) {
      assert.equal(parseTargetRule(text), undefined, text)
      assert.throws(() => targetRule(text), { code: 'EINVAL' }, text)
    }
  })
})

describe('a target in a configuration', () => {
  for (const [text, fix] of [
    ['db', 'say which ports: "db:*" is all of them'],
    ['db:0', 'any port is *'],
    ['2001:db8::/32:80', 'an IPv6 address or network stands in brackets: [2001:db8::/32]:443'],
    ['db?:80', 'of a name only the beginning may be *.'],
  ] as const) {
    it(`says of ${text} what mends it`, () => {
      assert.equal(TARGET.parse(text), undefined)
      assert.equal(TARGET.fix?.(text), fix)
    })
  }
})
