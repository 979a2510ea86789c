import assert from 'node:assert/strict'
import { PassThrough, Readable, Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { NetError } from '../../src/base/errors.ts'
import { EXIT_CODES, Exit, exitCodeOf, UsageError } from '../../src/cli/exit.ts'
import { COMMAND_NAMES, flatten, loadCommands } from '../../src/cli/registry.ts'
import { run } from '../../src/cli/run.ts'
import { gotcp } from './world.ts'

describe('run', () => {
  it('alone prints the commands in groups, examples and exit codes', async () => {
    const { code, stdout, stderr } = await gotcp()
    assert.equal(code, 0)
    assert.equal(stderr, '')
    for (const name of COMMAND_NAMES) assert.match(stdout, new RegExp(`^  ${name} `, 'm'))
    for (const { meaning } of Object.values(EXIT_CODES)) assert.ok(stdout.includes(meaning))
    assert.match(stdout, /^Examples$/m)
  })

  it('fails when what it printed could not be written', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(full) })
    const stderr = new PassThrough()
    const code = await run({ argv: ['help'], env: {}, stdin: Readable.from([]), stdout, stderr })
    assert.equal(code, Exit.USAGE)
    assert.match(String(stderr.read()), /^gotcp: cannot write to stdout: ENOSPC: [^\n]+\n$/)
  })

  it('prints the version', async () => {
    assert.match((await gotcp('--version')).stdout, /^gotcp \d+\.\d+\.\d+\n$/)
  })

  it('says the same for help X, X --help and X -h, on stdout', async () => {
    for (const { path } of flatten(await loadCommands())) {
      const words = path.split(' ')
      const help = await gotcp('help', ...words)
      assert.equal(help.code, 0, path)
      assert.match(help.stdout, new RegExp(`^gotcp ${path} - `))
      assert.ok(help.stdout.indexOf('Examples') < help.stdout.indexOf('Usage'), 'examples come first')
      for (const flag of ['--help', '-help', '-h']) assert.deepEqual(await gotcp(...words, flag), help)
    }
  })

  it('lists commands and flags, also as JSON', async () => {
    const names = flatten(await loadCommands()).map(({ path }) => path)
    assert.deepEqual((await gotcp('commands')).stdout.trim().split('\n'), names)
    const records = (await gotcp('commands', '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      records.map((r) => [r.v, r.event, r.name]),
      names.map((name) => [1, 'command', name]),
    )
    assert.match((await gotcp('flags')).stdout, /^-v, --debug\t/m)
    assert.match((await gotcp('flags', 'lab', 'up')).stdout, /^--name NAME\t.*default default/m)
    assert.equal(JSON.parse((await gotcp('flags', '--json')).stdout.split('\n')[0]!).name, 'json')
  })

  it('answers wrong usage with one line on stderr and exit code 2', async () => {
    for (const [argv, pattern] of [
      [['labb'], /unknown command "labb"; did you mean lab\?/],
      [['--bogus'], /unknown flag --bogus/],
      [['lab'], /lab needs one of/],
      [['lab', 'upp'], /unknown command "lab upp"; did you mean lab up\?/],
      [['lab', 'up', '--nmae', 'x'], /unknown flag --nmae; did you mean --name\?/],
      [['tunnel', '--no-color', 'sttaus'], /did you mean tunnel status\?/],
      [['tunnel', 'paths', '-c', '/no/such.yaml'], /\/no\/such\.yaml cannot be read/],
      [['tunnel', 'paths', '-c', '/no/such.yaml', 'list'], /\/no\/such\.yaml cannot be read/],
      [['tunnel', 'paths', '-c', '/no/such.yaml', 'lst'], /did you mean tunnel paths list\?/],
      [['lab', 'exec'], /HOST is missing/],
      [['help', 'nothing-like-it'], /unknown command/],
      [['help', 'lab', 'nothing'], /unknown command "lab nothing"/],
      [['flags', 'nothing-like-it'], /unknown command/],
      [['completion', 'tcsh'], /not one of bash, zsh, fish/],
    ] as const) {
      const { code, stdout, stderr } = await gotcp(...argv)
      assert.equal(code, 2, argv.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, pattern)
      assert.equal(stderr.trim().split('\n').length, 1, stderr)
    }
  })

  it('takes switches before the command', async () => {
    assert.equal((await gotcp('--json', 'commands')).stdout[0], '{')
  })

  it('shows a stack for an error of its own, with -debug, and for nothing else', async () => {
    const fails = async (...argv: readonly string[]): Promise<string> => {
      const stderr = new PassThrough()
      const world = { argv, env: {}, stdout: new PassThrough(), stderr, stdin: Readable.from([]) }
      Object.defineProperty(world, 'stdin', { get: () => assert.fail('a broken world') })
      assert.equal(await run(world), Exit.INTERNAL)
      return String(stderr.read())
    }
    assert.match(await fails('commands'), /^gotcp: internal error: a broken world; run it again with -debug .*\n$/)
    assert.match(await fails('-debug', 'commands'), /\n {4}at /)
    assert.doesNotMatch((await gotcp('-debug', 'lab')).stderr, /\n {4}at /)
  })

  it('puts the error on stdout as a record with --json', async () => {
    const record = JSON.parse((await gotcp('lab', '--json')).stdout)
    assert.equal(record.event, 'error')
    assert.equal(record.exit_code, 2)
  })
})

describe('exitCodeOf', () => {
  it('tells the network, the machine, the user and ourselves apart', () => {
    assert.equal(exitCodeOf(new UsageError('x')), Exit.USAGE)
    assert.equal(exitCodeOf(new NetError('ECONNREFUSED', 'x')), Exit.NETWORK)
    assert.equal(exitCodeOf(new NetError('EHOSTUNREACH', 'x')), Exit.NETWORK)
    assert.equal(exitCodeOf(new NetError('EPERM', 'x')), Exit.USAGE)
    assert.equal(exitCodeOf(new NetError('EADDRINUSE', 'x')), Exit.USAGE)
    assert.equal(exitCodeOf(new NetError('ABORT_ERR', 'x')), Exit.INTERRUPTED)
    assert.equal(exitCodeOf(Object.assign(new Error('x'), { code: 'ENOENT' })), Exit.USAGE)
    assert.equal(exitCodeOf(new TypeError('x')), Exit.INTERNAL)
    assert.equal(exitCodeOf('x'), Exit.INTERNAL)
  })
})
