import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseScript } from '../../src/script/parse.ts'
import type { Action, CallAction, PacketAction } from '../../src/script/syntax.ts'
import { ScriptSyntaxError } from '../../src/script/syntax-error.ts'

const actionOf = (line: string): Action => parseScript(line).events[0]!.action
const packetOf = (line: string): PacketAction => actionOf(line) as PacketAction
const callOf = (line: string): CallAction => actionOf(line) as CallAction

describe('parseScript()', () => {
  it('reads options, shell texts at both ends, and events with their lines', () => {
    const script = parseScript(`// A comment, and another:
--tolerance_usecs=10000
--strict_segments /* here */
--remote_ip=192.0.2.1
\`sysctl -q net.ipv4.tcp_sack=1
echo 3 > /sys/x\`
  0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
 +0 \`true\`
\`cleanup\``)
    assert.deepEqual(
      script.options.map(({ name, value }) => [name, value]),
      [
        ['tolerance_usecs', '10000'],
        ['strict_segments', undefined],
        ['remote_ip', '192.0.2.1'],
      ],
    )
    assert.equal(script.init?.text, 'sysctl -q net.ipv4.tcp_sack=1\necho 3 > /sys/x')
    assert.deepEqual(
      script.events.map(({ line, action }) => [line, action.kind]),
      [
        [7, 'call'],
        [8, 'shell'],
      ],
    )
    assert.equal(script.cleanup?.text, 'cleanup')
  })

  it('reads every form of time', () => {
    const time = (text: string): unknown => parseScript(`${text} > . 1:1(0) ack 1`).events[0]!.time
    assert.deepEqual(time('1.5'), { kind: 'at', relative: false, micros: 1_500_000 })
    assert.deepEqual(time('+.01'), { kind: 'at', relative: true, micros: 10_000 })
    assert.deepEqual(time('1~2'), { kind: 'range', relative: false, from: 1_000_000, to: 2_000_000 })
    assert.deepEqual(time('+.1~+.25'), { kind: 'range', relative: true, from: 100_000, to: 250_000 })
    assert.deepEqual(time('*'), { kind: 'any' })
  })

  it('reads a segment with all that it can say', () => {
    const { direction, ip, body } = packetOf(
      '+0 > [ect0] 80 > 5000 SEW. 1:1001(1000) ack 7 win 5 urg 9 <mss 1460,sackOK,TS val 4 ecr 2,nop,wscale 7,eol>',
    )
    assert.equal(direction, 'out')
    assert.deepEqual(ip.tos, { kind: 'ecn', codepoint: 'ect0' })
    assert.deepEqual(body, {
      kind: 'tcp',
      ports: { src: 80, dst: 5000 },
      flags: 'SEW.',
      seq: 1,
      length: 1000,
      ack: 7,
      window: 5,
      urgent: 9,
      options: [
        { kind: 'mss', value: 1460 },
        { kind: 'sackOK' },
        { kind: 'timestamp', val: 4, ecr: 2 },
        { kind: 'nop' },
        { kind: 'wscale', shift: 7 },
        { kind: 'eol' },
      ],
    })
  })

  it('reads options of every kind, and those that do not matter', () => {
    const options = (text: string): unknown => {
      const { body } = packetOf(`+0 > S 0:0(0) <${text}>`)
      return body.kind === 'tcp' ? body.options : undefined
    }
    assert.equal(options('...'), 'any')
    assert.deepEqual(options('sack 1:2 3:4'), [
      {
        kind: 'sack',
        blocks: [
          [1, 2],
          [3, 4],
        ],
      },
    ])
    assert.deepEqual(options('FO'), [{ kind: 'fastOpen', experimental: false, cookie: '' }])
    assert.deepEqual(options('FOEXP 0123456789ABCDEF'), [
      { kind: 'fastOpen', experimental: true, cookie: '0123456789abcdef' },
    ])
    assert.deepEqual(options('md5 00ff'), [{ kind: 'md5', digest: '00ff' }])
  })

  it('reads segments without options or flags, UDP, and ICMP with what it quotes', () => {
    assert.deepEqual(packetOf('+0 < - 1:1(0) win 5').body, {
      kind: 'tcp',
      ports: undefined,
      flags: '',
      seq: 1,
      length: 0,
      ack: undefined,
      window: 5,
      urgent: undefined,
      options: [],
    })
    assert.deepEqual(packetOf('+0 < udp 1 > 2 (10)').body, { kind: 'udp', ports: { src: 1, dst: 2 }, length: 10 })
    assert.deepEqual(packetOf('+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]').body, {
      kind: 'icmp',
      type: 'unreachable',
      code: 'frag_needed',
      mtu: 1200,
      id: undefined,
      quoted: { kind: 'tcp', seq: 1, length: 1460 },
    })
    assert.deepEqual(packetOf('+0 > (tos 0x28) . 1:1(0)').ip.tos, { kind: 'tos', value: 0x28 })
    assert.equal(packetOf('+0 > [ttl 5] . 1:1(0)').ip.ttl, 5)
  })

  it('reads calls with their results, errors, and the time they block', () => {
    const call = callOf('+0...0.3 write(4, ..., 61000) = -1 EAGAIN (Resource temporarily unavailable)')
    assert.equal(call.name, 'write')
    assert.equal(call.endsAt, 300_000)
    assert.equal(call.errno, 'EAGAIN')
    assert.deepEqual(call.result, { kind: 'number', value: -1 })
    assert.deepEqual(callOf('+0 f(3, F_GETFL) = 0x2 (flags O_RDWR)').result, { kind: 'number', value: 2 })
    assert.deepEqual(callOf('+0 f(O_RDWR|O_NONBLOCK) = 0').args, [
      { kind: 'or', left: { kind: 'word', name: 'O_RDWR' }, right: { kind: 'word', name: 'O_NONBLOCK' } },
    ])
  })

  it('reads texts, lists and structures', () => {
    assert.deepEqual(callOf('+0 f("a\\n" "b", "c"...) = 0').args, [
      { kind: 'text', value: 'a\nb', abridged: false },
      { kind: 'text', value: 'c', abridged: true },
    ])
    const [message] = callOf('+0 f({msg_name(...)=..., msg_iov(2)=[{..., 5}, {..., 7}], msg_flags=0}) = 0').args
    assert.ok(message?.kind === 'struct')
    assert.deepEqual(
      message.fields.map(({ name, count }) => [name, count?.kind]),
      [
        ['msg_name', 'ellipsis'],
        ['msg_iov', 'number'],
        ['msg_flags', undefined],
      ],
    )
    const [address] = callOf(
      '+0 f({sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("1.2.3.4")}) = 0',
    ).args
    assert.ok(address?.kind === 'struct')
    assert.deepEqual(address.fields[1]?.value, { kind: 'call', name: 'htons', args: [{ kind: 'number', value: 80 }] })
  })

  it('puts in what words stand for, given or defined by the script', () => {
    const text = '--define=COOKIE=00ff\n+0 > S 0:0(0) <FO COOKIE,mss SIZE>'
    const { body } = parseScript(text, new Map([['SIZE', '1460']])).events[0]!.action as PacketAction
    assert.ok(body.kind === 'tcp')
    assert.deepEqual(body.options, [
      { kind: 'fastOpen', experimental: false, cookie: '00ff' },
      { kind: 'mss', value: 1460 },
    ])
  })

  for (const [text, line, column, message] of [
    ['', 1, 1, /^Expected an event/],
    ['+0 f(', 1, 6, /Expected a value, and here is the end of the script/],
    ['+0 f(3) 0', 1, 9, /Expected "=", and here is "0"/],
    ['\n+0 > P. 1:1001(999)', 2, 9, /range 1:1001 is not 999 octets long/],
    ['+0 < S 0:0(0) <...>', 1, 15, /only for a packet that is expected/],
    ['* f() = 0', 1, 1, /The time "\*" is for packets that are expected/],
    ['2~1 > . 1:1(0)', 1, 3, /ends before it begins/],
    ['+0 > X 0:0(0)', 1, 6, /Expected flags/],
    ['+0 > S 0:0(0) <mss 70000>', 1, 20, /from 0 to 65535, and here is "70000"/],
    ['+0 f("abc', 1, 6, /The text that begins here has no end/],
    ['+0 `true', 1, 4, /The shell text that begins here has no end/],
    ['+0 < ipv4 1.2.3.4 > 1.2.3.5: . 1:1(0)', 1, 6, /not supported/],
    [`+0 f(${'['.repeat(100)}`, 1, undefined, /nests too deeply/],
  ] as const) {
    it(`says where ${JSON.stringify(text.slice(0, 30))} is wrong, and what was wanted`, () => {
      assert.throws(
        () => parseScript(text),
        (error) => {
          assert.ok(error instanceof ScriptSyntaxError)
          assert.equal(error.code, 'ERR_SCRIPT_SYNTAX')
          assert.match(error.message, message)
          assert.equal(error.line, line)
          if (column !== undefined) assert.equal(error.column, column)
          return true
        },
      )
    })
  }

  it('takes any text, and throws nothing but its own error', () => {
    const pieces = fc.constantFrom(
      ...['+0 ', '0 ', '> ', '< ', 'S. ', '1:1(0) ', 'ack 1 ', '<mss 1>', 'write(', ')', ' = ', '...', '"', '`', '%{'],
      ...['}%', '[', ']', '{', '}', ',', '|', '\n', '//', '/*', '*/', '--x=', 'icmp ', '*', '~', '99999999999'],
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (text) => {
          try {
            parseScript(text)
          } catch (error) {
            assert.ok(error instanceof ScriptSyntaxError, String(error))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
