import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import fc from 'fast-check'

import { addSum } from '../../src/base/checksum.ts'
import { listInterfaces } from '../../src/driver/interfaces.ts'
import { hasNative, native } from '../../src/driver/native.ts'
import { getSocketOption, SocketOption, setSocketOption } from '../../src/driver/socket-option.ts'

const skip = hasNative() ? undefined : 'the addon is not built: npm run build'

describe('native', { skip }, () => {
  it('sums as the TypeScript checksum does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(8), fc.nat(0xffffffff), (bytes, from, sum) => {
        if (from > bytes.length) return
        const expected = addSum(0, bytes, from, bytes.length) + sum
        // 0 and 0xffff are the two zeros of one's complement.
        assert.equal(native().checksum(bytes, from, bytes.length, sum) % 0xffff, expected % 0xffff)
      }),
    )
  })

  it('answers misuse with a negative errno, not a crash', () => {
    const port = new (native().Port)()
    assert.ok(port.receive() < 0)
    port.release()
    assert.ok(Number(port.openRing(7, 2048, new Uint8Array(0))) < 0)
    assert.ok(port.send(1, []) < 0)
    assert.ok(port.watch(true, false) < 0)
    for (const ofRing of [false, true]) assert.ok(port.setFilter(new Uint8Array(3), ofRing) < 0)
    assert.equal(port.descriptor(), -1)
    port.close()
    assert.ok(native().setMtu('x'.repeat(40), 1500) < 0)
    assert.ok(native().enterNamespace(-1) < 0)
    assert.equal(native().checksum(new Uint8Array(4), 0, 5, 0), undefined)
  })

  it('lists the interfaces of this machine', () => {
    const loopback = listInterfaces().find((each) => each.kind === 'loopback')
    assert.equal(loopback?.name, 'lo')
    assert.equal(loopback?.index, 1)
  })

  it('reads and sets options of a kernel socket, TCP_INFO among them', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address() as { port: number }
    const socket: Socket = createConnection(address.port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
    const info = getSocketOption(fd, SocketOption.TCP_INFO, 256)
    assert.ok(info.length > 100)
    assert.equal(info[0], 1)
    setSocketOption(fd, SocketOption.TCP_NOTSENT_LOWAT, 65536)
    assert.deepEqual([...getSocketOption(fd, SocketOption.TCP_NOTSENT_LOWAT)], [0, 0, 1, 0])
    assert.throws(
      () => getSocketOption(9999, SocketOption.TCP_INFO),
      /Cannot read socket option 6\/11 of descriptor 9999: EBADF/,
    )
    socket.destroy()
    server.close()
  })
})

describe('native, when the addon is absent', () => {
  it('says what was tried and the command that builds it', () => {
    const built = fileURLToPath(new URL('../..', import.meta.url))
    let root = built
    while (!existsSync(join(root, 'package.json'))) root = join(root, '..')
    const copy = mkdtempSync(join(tmpdir(), 'gotcp-'))
    try {
      cpSync(join(root, 'package.json'), join(copy, 'package.json'))
      cpSync(join(built, 'src'), join(copy, 'dist/src'), { recursive: true })
      symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
      const script = `import('${join(copy, 'dist/src/driver/packet.js')}')
        .then(({ openPacketLink }) => openPacketLink({ interface: 'lo' }))
        .catch((error) => console.log(error.code, error.message))`
      const text = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })
      assert.match(
        text,
        /^ERR_ADDON_MISSING Cannot load the native addon from .*prebuilds or .*build\/Release: .*npm run build/,
      )
    } finally {
      rmSync(copy, { recursive: true })
    }
  })
})
