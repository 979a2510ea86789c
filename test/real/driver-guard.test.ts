import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openPacketLink } from '../../src/driver/packet.ts'
import { KernelPortGuard } from '../../src/driver/port-guard.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import { Collector, eventually, portOf } from './collect.ts'
import { ip } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const A = '10.0.0.1'
const RST = 0x04

/** Connects and says how that ended within a second. */
const CONNECT = `
const [port, from] = process.argv.slice(1).map(Number)
const socket = require('net').connect({ port, host: '${A}', ...(from ? { localPort: from } : {}) })
const end = (text) => { console.log(text); socket.destroy(); process.exit() }
socket.on('connect', () => end('connected')).on('error', (e) => end(e.code))
setTimeout(() => end('silence'), 1000)`

const LISTEN = `require('net').createServer((s) => s.end()).listen(Number(process.argv[1]), '${A}', () => console.log('ready'))
  .on('error', (e) => { console.log(e.code); process.exit() })`

const CONNECTED_UDP = `
const socket = require('dgram').createSocket('udp4')
const end = (text) => { console.log(text); process.exit() }
socket.on('error', (e) => end(e.code))
socket.connect(Number(process.argv[1]), '${A}', () => { socket.send('x'); setTimeout(() => end('silence'), 500) })`

describe('KernelPortGuard', { skip: labUnavailable() }, () => {
  let lab: Lab
  let guard: KernelPortGuard
  let capture: Collector
  let link: PortLink

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: `${A}/24`, b: '10.0.0.2/24' })
    guard = new KernelPortGuard({ netns: lab.host('a').netns })
    link = openPacketLink({ interface: 'eth0', netns: lab.host('a').netns, filter: 'none', ignoreOutgoing: false })
    capture = new Collector(link)
  })
  after(() => {
    link.close()
    lab.close()
  })

  const connect = async (port: number) => (await lab.host('b').node(CONNECT, String(port))).trim()
  const resets = (port: number) =>
    capture.frames.filter(
      (frame) =>
        frame.bytes[23] === 6 && (frame.bytes[47]! & RST) !== 0 && frame.bytes[34]! * 256 + frame.bytes[35]! === port,
    ).length

  it('silences the kernel, and gives it back its voice', async () => {
    assert.equal(await connect(8801), 'ECONNREFUSED')
    await eventually(() => resets(8801) === 1, 'the reset of an unguarded port')
    const hold = guard.reserve('tcp', ip(A), 8802)
    assert.equal(await connect(8802), 'silence')
    capture.drain()
    assert.ok(
      capture.frames.some((frame) => portOf(frame) === 8802),
      'the link itself sees the SYN',
    )
    assert.equal(resets(8802), 0)
    hold.release()
    hold.release()
    assert.equal(await connect(8802), 'ECONNREFUSED')
  })

  it('silences port-unreachable too', async () => {
    const ask = async () => (await lab.host('b').node(CONNECTED_UDP, '8803')).trim()
    assert.equal(await ask(), 'ECONNREFUSED')
    const hold = guard.reserve('udp', ip(A), 8803)
    assert.equal(await ask(), 'silence')
    hold.release()
  })

  it('keeps the port from others, and respects theirs', async () => {
    const hold = guard.reserve('tcp', ip(A), 8804)
    assert.equal((await lab.host('a').node(LISTEN, '8804')).trim(), 'EADDRINUSE')
    assert.throws(() => guard.reserve('tcp', ip(A), 8804), { code: 'EADDRINUSE' })
    hold.release()
    const server = await lab.host('a').start(LISTEN, '8804')
    assert.throws(
      () => guard.reserve('tcp', ip(A), 8804),
      /^NetError: Cannot hold tcp port 10\.0\.0\.1:8804 of the kernel: .* taken\. Choose another port, or .*\(EADDRINUSE\)$/,
    )
    server.child.kill()
  })

  it('refuses a port on which kernel connections live on without their listener', async () => {
    const script = `
      const server = require('net').createServer((s) => { s.resume(); server.close(); console.log('alone') })
      server.listen(8805, () => console.error)`
    const waiting = lab.host('a').start(script)
    const client = lab
      .host('b')
      .spawn(
        process.execPath,
        '-e',
        `const t=()=>require('net').connect(8805,'${A}').on('error',()=>setTimeout(t,20));t()`,
      )
    const { child } = await waiting
    assert.throws(() => guard.reserve('tcp', ip(A), 8805), { code: 'EADDRINUSE' })
    child.kill()
    client.kill()
  })

  it('takes a port from connections in TIME-WAIT', async () => {
    const server = await lab.host('a').start(LISTEN, '8806')
    await lab.host('b').node(`require('net').connect(8806,'${A}').resume()`)
    server.child.kill()
    await eventually(() => {
      const table = lab.host('a').run('cat', '/proc/net/tcp')
      return table.includes(':2266 ') && !table.includes(' 0A ')
    }, 'TIME-WAIT without a listener')
    guard.reserve('tcp', ip(A), 8806).release()
  })

  it('refuses what cannot be held', () => {
    assert.throws(() => guard.reserve('tcp', ip('10.9.9.9'), 80), { code: 'EADDRNOTAVAIL' })
    assert.throws(() => guard.reserve('tcp', ip(A), 0), RangeError)
  })

  it('lets go when the process is killed', async () => {
    const url = new URL('../../src/driver/port-guard.js', import.meta.url).href
    const script = `import('${url}').then(({ KernelPortGuard }) => {
      new KernelPortGuard().reserve('tcp', ${ip(A)}, 8807); console.log('held'); setInterval(() => {}, 1e6) })`
    const { child, line } = await lab.host('a').start(script)
    assert.equal(line, 'held')
    assert.throws(() => guard.reserve('tcp', ip(A), 8807), { code: 'EADDRINUSE' })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    guard.reserve('tcp', ip(A), 8807).release()
  })
})
