import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { HOST } from '../../src/cli/network/host-name.ts'
import { readEndpoint } from '../../src/cli/tcp/endpoint.ts'
import { Traffic } from '../../src/cli/tcp/pump.ts'
import { fileSink } from '../../src/cli/tcp/sink.ts'
import { CHUNK, fileSource, generatedSource, type Source, stdinSource } from '../../src/cli/tcp/source.ts'
import { WRITE_OUT, writeOut } from '../../src/cli/tcp/write-out.ts'
import type { TcpInfo } from '../../src/tcp/info.ts'
import { gotcp } from './world.ts'

describe('readEndpoint()', () => {
  const none = { addr: undefined, port: undefined }

  it('takes flags, words and mixtures', () => {
    const wanted = { host: '172.20.0.3', port: 8888 }
    assert.deepEqual(readEndpoint({ addr: '172.20.0.3', port: 8888 }, []), wanted)
    assert.deepEqual(readEndpoint({ addr: '172.20.0.3:8888', port: undefined }, []), wanted)
    assert.deepEqual(readEndpoint({ addr: undefined, port: 8888 }, ['172.20.0.3']), wanted)
    assert.deepEqual(readEndpoint({ addr: '172.20.0.3', port: undefined }, ['8888']), wanted)
    assert.deepEqual(readEndpoint(none, ['172.20.0.3:8888']), wanted)
    assert.deepEqual(readEndpoint(none, ['172.20.0.3', '8888']), wanted)
    assert.deepEqual(readEndpoint(none, ['node2:80']), { host: 'node2', port: 80 })
  })

  it('refuses too little, too much and nonsense', () => {
    for (const words of [
      [],
      ['1.2.3.4'],
      [':80'],
      ['1.2.3.4:0'],
      ['1.2.3.4:99999'],
      ['1.2.3:80'],
      ['1.2.3.4:80', '81'],
    ]) {
      assert.throws(() => readEndpoint(none, words), { name: 'UsageError' }, words.join(' '))
    }
    for (const words of [['[::1]:80'], ['::1', '80'], ['fe80::1']]) {
      assert.throws(() => readEndpoint(none, words), {
        name: 'UsageError',
        message: `"${words[0]}" is not ${HOST.expects}`,
      })
    }
    assert.throws(() => readEndpoint({ addr: undefined, port: 80 }, ['1.2.3.4:81']), { name: 'UsageError' })
    assert.throws(() => readEndpoint({ addr: '1:2:3', port: undefined }, []), { name: 'UsageError' })
  })
})

describe('--write-out', () => {
  const traffic = Object.assign(new Traffic(), { sent: 10, received: 3000 })
  const info = { local: '10.0.0.1', localPort: 5, remote: '10.0.0.2', remotePort: 80, retrans: 1, rtt: 0.4 } as TcpInfo
  const finished = { traffic, info, connectSeconds: 0.25, totalSeconds: 2 }

  it('fills in variables, escapes and percent signs', () => {
    assert.equal(
      writeOut('%{time_connect} %{speed_download} 100%% %{remote_ip}:%{remote_port}\\t%{srtt}\\n\\\\n', finished),
      '0.250000 1500 100% 10.0.0.2:80\t0.000400\n\\n',
    )
  })

  it('knows its variables', () => {
    assert.equal(WRITE_OUT.parse('%{size_upload}'), '%{size_upload}')
    assert.equal(WRITE_OUT.parse('%{nonsense}'), undefined)
    assert.match(
      WRITE_OUT.explain!('%{size_upload} %{nonsense}\\n'),
      /^there is no %\{nonsense\}; there are %\{time_connect\}, /,
    )
  })
})

async function all(source: Source): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) parts.push(Buffer.from(chunk))
  await source.close()
  return Buffer.concat(parts)
}

describe('sources and sinks', () => {
  it('carry files of any size', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gotcp-cli-'))
    const [from, to] = [join(folder, 'from'), join(folder, 'to')]
    try {
      for (const size of [0, 1, CHUNK, 2 * CHUNK + 7]) {
        const bytes = await all(generatedSource(size))
        writeFileSync(from, bytes)
        const sink = await fileSink(to)
        const source = await fileSource(from)
        for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) await sink.write(chunk)
        await Promise.all([source.close(), sink.close()])
        assert.ok(readFileSync(to).equals(bytes), `${size} bytes`)
      }
      await assert.rejects(fileSource(folder), { code: 'EISDIR', message: new RegExp(folder) })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('make up as many bytes as are asked for, the same each time', async () => {
    const once = await all(generatedSource(CHUNK + 5))
    assert.equal(once.length, CHUNK + 5)
    assert.ok(once.equals(await all(generatedSource(CHUNK + 5))))
    assert.ok(new Set(once.subarray(0, 4096)).size > 100)
  })

  it('take text and bytes from stdin', async () => {
    assert.equal((await all(stdinSource(Readable.from(['a', Buffer.from('b')])))).toString(), 'ab')
  })
})

describe('gotcp tcpclient refuses', () => {
  it('what makes no sense', async () => {
    const lines = [
      [],
      ['1.2.3.4'],
      ['1.2.3.4:80', '--send', 'x', '--bytes', '1'],
      ['1.2.3.4:80', '--json', '--recv', '-'],
      ['1.2.3.4:80', '--json', '--write-out', 'x'],
      ['1.2.3.4:80', '--pcap', '-', '--recv', 'x', '--write-out', 'x'],
      ['1.2.3.4:80', '--send', tmpdir()],
      ['1.2.3.4:80', '--pcap', '-'],
      ['1.2.3.4:80', '--write-out', '%{nonsense}'],
    ]
    for (const argv of lines) {
      const { code, stderr } = await gotcp('tcpclient', ...argv)
      assert.equal(code, 2, argv.join(' '))
      assert.match(stderr, /^gotcp: .+\n$/)
    }
  })

  it('to send the file that it would empty to receive', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gotcp-cli-'))
    const file = join(folder, 'file')
    try {
      writeFileSync(file, 'precious')
      symlinkSync(file, join(folder, 'link'))
      const { code, stderr } = await gotcp('tcpclient', '1.2.3.4:80', '--send', file, '--recv', join(folder, 'link'))
      assert.deepEqual([code, readFileSync(file, 'utf8')], [2, 'precious'])
      assert.match(stderr, /^gotcp: --send and --recv name the same file; .+\n$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
