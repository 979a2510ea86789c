import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { bool, type Command, count, defineCommand, list, value, valueOr } from '../../src/cli/command.ts'
import { UsageError } from '../../src/cli/exit.ts'
import { choice, FILE, INTERFACE, IPV4, integer, PORT } from '../../src/cli/kind.ts'
import { asksForHelp, parseArgs } from '../../src/cli/parse.ts'

const sample: Command = defineCommand({
  name: 'sample',
  group: 'Network',
  summary: 'try the parser',
  examples: [],
  flags: {
    interface: value(INTERFACE, { short: 'i', summary: 'x' }),
    dest: value(IPV4, { summary: 'x' }),
    port: valueOr(PORT, 8888, { summary: 'x' }),
    count: value(integer('N', -5, 10), { short: 'c', summary: 'x' }),
    pcap: value(FILE, { summary: 'x' }),
    quiet: bool({ short: 'q', summary: 'x' }),
    mode: value(choice('echo', 'sink'), { summary: 'x' }),
    route: list(IPV4, { summary: 'x' }),
    'very-loud': count({ short: 'L', summary: 'x' }),
  },
  positionals: [
    { name: 'A', summary: 'first' },
    { name: 'B', summary: 'rest', variadic: true },
  ],
  run: async () => 0,
}) as Command

const through: Command = { ...sample, passthrough: true }
const strict: Command = {
  ...sample,
  positionals: [{ name: 'HOST', summary: 'which', required: true, choices: ['node1', 'node2'] }],
}

const parse = async (line: string, command = sample): Promise<Record<string, unknown>> =>
  parseArgs(command, line.split(' ').filter(Boolean))

const refuses = async (line: string, pattern: RegExp, command = sample): Promise<void> =>
  assert.rejects(parse(line, command), (error) => error instanceof UsageError && pattern.test(error.message), line)

describe('parseArgs', () => {
  it('takes one dash or two, a space or an equals sign', async () => {
    for (const line of ['-dest 1.2.3.4', '--dest 1.2.3.4', '-dest=1.2.3.4', '--dest=1.2.3.4']) {
      assert.equal((await parse(line))['dest'], 0x01020304, line)
    }
  })

  it('fills in defaults', async () => {
    const args = await parse('')
    assert.equal(args['port'], 8888)
    assert.equal(args['dest'], undefined)
    assert.equal(args['quiet'], false)
    assert.equal(args['debug'], 0)
    assert.deepEqual(args['route'], [])
    assert.deepEqual(args['_'], [])
  })

  it('knows letters, counts and switches', async () => {
    assert.equal((await parse('-i eth0'))['interface'], 'eth0')
    assert.equal((await parse('-c5'))['count'], 5)
    assert.equal((await parse('-c -5'))['count'], -5)
    assert.equal((await parse('-vv'))['debug'], 2)
    assert.equal((await parse('-debug -v'))['debug'], 2)
    assert.equal((await parse('-debug=false'))['debug'], 0)
    assert.equal((await parse('-debug=true'))['debug'], 1)
    assert.equal((await parse('-quiet=false'))['quiet'], false)
    assert.equal((await parse('--very-loud -LL'))['very-loud'], 3)
    assert.equal((await parse('--no-color'))['no-color'], true)
  })

  it('takes a lone dash as a value', async () => {
    assert.equal((await parse('--pcap - x'))['pcap'], '-')
    assert.deepEqual((await parse('--pcap - x'))['_'], ['x'])
  })

  it('lets the last of a repeated flag win, and keeps all of a list', async () => {
    assert.equal((await parse('-port 1 -port 2'))['port'], 2)
    assert.deepEqual((await parse('-route 0.0.0.1 -route 0.0.0.2'))['route'], [1, 2])
  })

  it('keeps bare words in order, as text', async () => {
    assert.deepEqual((await parse('tcp -q and 8888'))['_'], ['tcp', 'and', '8888'])
    assert.deepEqual((await parse('a -- -q --dest'))['_'], ['a', '-q', '--dest'])
  })

  it('hands over everything behind the first bare word of a passthrough command', async () => {
    const args = await parse('-q node1 gotcp ping -i eth0 --json', through)
    assert.equal(args['quiet'], true)
    assert.equal(args['json'], false)
    assert.deepEqual(args['_'], ['node1', 'gotcp', 'ping', '-i', 'eth0', '--json'])
  })

  it('says what is wrong, and what was probably meant', async () => {
    await refuses('--dset 1.2.3.4', /^unknown flag --dset; did you mean --dest\?$/)
    await refuses('-bogusly', /^unknown flag --bogusly$/)
    await refuses('-x', /^unknown flag -x$/)
    await refuses('--dest', /^--dest needs a value: an IPv4 address/)
    await refuses('--dest 1.2.3', /^--dest: "1\.2\.3" is not an IPv4 address/)
    await refuses('-port 0', /"0" is not a port from 1 to 65535/)
    await refuses('-port -5', /"-5" is not a port/)
    await refuses('-count 11', /"11" is not a whole number from -5 to 10/)
    await refuses('-mode nap', /"nap" is not one of echo, sink/)
    await refuses('-quiet=maybe', /is a switch/)
    await refuses('', /^HOST is missing: which$/, strict)
    await refuses('node3', /"node3" is not one of node1, node2; did you mean node1\?$/, strict)
    await refuses('node1 more', /^unexpected argument "more"$/, strict)
  })

  it('never fails with anything but a UsageError', async () => {
    const word = fc.oneof(
      fc.constantFrom(
        '-i',
        '--dest',
        '-dest=',
        '-',
        '--',
        '---',
        '-=',
        '-vvq',
        '-c5x',
        '__proto__',
        '--__proto__',
        '-constructor',
      ),
      fc.string({ maxLength: 12 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        await parseArgs(sample, words).catch((error) => assert.ok(error instanceof UsageError, String(error?.stack)))
      }),
      { numRuns: 500 },
    )
  })
})

describe('asksForHelp', () => {
  it('finds the flag, but not behind -- or in a command that is passed on', () => {
    assert.equal(asksForHelp(sample, ['-q', '--help']), true)
    assert.equal(asksForHelp(sample, ['-help']), true)
    assert.equal(asksForHelp(sample, ['-h']), true)
    assert.equal(asksForHelp(sample, ['--', '--help']), false)
    assert.equal(asksForHelp(through, ['node1', 'ls', '--help']), false)
    assert.equal(asksForHelp(through, ['--help', 'node1']), true)
  })
})
