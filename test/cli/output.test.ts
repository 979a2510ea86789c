import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { Output, type OutputOptions, type Stream } from '../../src/cli/output.ts'

const capture = (isTTY: boolean): { stream: Stream; text: () => string } => {
  let text = ''
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 20 })
  stream.on('data', (chunk) => (text += chunk))
  return { stream, text: () => text }
}

const open = (options: Partial<OutputOptions> & { tty?: boolean } = {}) => {
  const out = capture(options.tty ?? false)
  const err = capture(options.tty ?? false)
  const output = new Output({
    stdout: out.stream,
    stderr: err.stream,
    env: {},
    json: false,
    noColor: false,
    ...options,
  })
  return { output, out: out.text, err: err.text }
}

describe('Output', () => {
  it('keeps the thing asked for on stdout and all else on stderr', () => {
    const { output, out, err } = open()
    output.print('result')
    output.note('listening')
    output.warn('slow')
    output.error('refused', 'start a server')
    assert.equal(out(), 'result\n')
    assert.equal(err(), 'listening\nwarning: slow\ngotcp: refused; start a server\n')
  })

  it('writes versioned records and nothing else with --json', () => {
    const { output, out } = open({ json: true })
    output.print('for people')
    output.record('reply', { icmp_seq: 1, rtt_ms: 0.4 })
    assert.equal(out(), '{"v":1,"event":"reply","icmp_seq":1,"rtt_ms":0.4}\n')
  })

  it('writes no records without --json', () => {
    const { output, out } = open()
    output.record('reply', {})
    assert.equal(out(), '')
  })

  it('colours on a terminal only, and not where the user says no', () => {
    const painted = (options: Parameters<typeof open>[0]): boolean => open(options).output.paint('red', 'x') !== 'x'
    assert.equal(painted({ tty: true }), true)
    assert.equal(painted({ tty: false }), false)
    assert.equal(painted({ tty: true, noColor: true }), false)
    assert.equal(painted({ tty: true, env: { NO_COLOR: '1' } }), false)
    assert.equal(painted({ tty: true, env: { TERM: 'dumb' } }), false)
  })

  it('shows progress on a terminal only, cut to its width, and clears it before the next line', () => {
    const piped = open()
    piped.output.progress('half')
    assert.equal(piped.err(), '')
    const { output, err } = open({ tty: true })
    output.progress('x'.repeat(50))
    output.note('done')
    assert.equal(err(), `\r\x1b[K${'x'.repeat(19)}\r\x1b[Kdone\n`)
  })

  it('falls silent when the reader goes away, and tells the command once', () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('pipe'), { code: 'EPIPE' })),
    })
    const { output } = open({ stdout: stdout })
    let told = 0
    output.onClosed = () => told++
    output.print('one')
    return new Promise<void>((resolve) => {
      setImmediate(() => {
        assert.equal(output.closed, true)
        assert.equal(told, 1)
        output.print('two')
        assert.equal(output.failure, undefined)
        resolve(assert.rejects(output.bytes(new Uint8Array(1)), { code: 'EPIPE' }))
      })
    })
  })

  it('tells why a write failed, and can still say so on stderr', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(full) })
    const { output, err } = open({ stdout })
    let told = 0
    output.onClosed = () => told++
    output.print('lost')
    await assert.rejects(output.flush(), { code: 'ENOSPC', message: /^cannot write to stdout: ENOSPC/ })
    assert.equal(told, 1)
    output.note('the disk is full')
    assert.equal(err(), 'the disk is full\n')
  })

  it('writes nothing where there is nothing to write, for even that can fail', async () => {
    let writes = 0
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(void writes++) })
    await open({ stdout }).output.flush()
    assert.equal(writes, 0)
  })

  it('hands bytes over before it takes the next', async () => {
    const taken: string[] = []
    const stdout = new Writable({
      write: (chunk, _encoding, done) => void setImmediate(() => done(void taken.push(String(chunk)))),
    })
    const { output } = open({ stdout })
    const buffer = new Uint8Array([97])
    await output.bytes(buffer)
    buffer[0] = 98
    await output.bytes(buffer)
    assert.deepEqual(taken, ['a', 'b'])
  })
})
