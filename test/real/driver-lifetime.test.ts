import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'

import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink } from '../../src/driver/packet.ts'
import { KernelPortGuard } from '../../src/driver/port-guard.ts'
import { openTapLink } from '../../src/driver/tuntap.ts'
import { eventually } from './collect.ts'
import { ip } from './frames.ts'
import { createLab, firstLine, type Lab, labUnavailable, outputOf } from './netns.ts'

const A = '10.0.0.1'
const driver = (file: string) => new URL(`../../src/driver/${file}.js`, import.meta.url).href
const turn = () => new Promise((resolve) => setImmediate(resolve))
const descriptors = () => readdirSync('/proc/self/fd').length

/** A script that opens a link on eth0 of the namespace it runs in. */
const opens = (options: string, then: string) => `
  import('${driver('packet')}').then(({ openPacketLink }) => {
    const link = openPacketLink({ interface: 'eth0', ${options} })
    ${then}
  }).catch((error) => console.log(error.message))`

describe('what a port leaves behind', { skip: labUnavailable() }, () => {
  let lab: Lab
  let netns: string

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: `${A}/24`, b: '10.0.0.2/24' })
    netns = lab.host('a').netns
  })
  after(() => lab.close())

  const promiscuity = () => inNamespace(netns, () => findInterface('eth0').promiscuity)

  it('closes every descriptor of 200 links, devices and holds', async () => {
    const guard = new KernelPortGuard({ netns })
    const once = async () => {
      openPacketLink({ interface: 'eth0', netns, promiscuous: true, slots: 1 }).close()
      openTapLink({ name: 'tap%d', netns, slots: 1 }).close()
      guard.reserve('tcp', ip(A), 9000).release()
      assert.throws(() => openTapLink({ name: 'eth0', netns }))
      assert.throws(() => openPacketLink({ interface: 'none', netns }))
      await turn()
    }
    await once()
    const before = descriptors()
    for (let i = 0; i < 200; i++) await once()
    assert.equal(descriptors(), before)
    assert.equal(promiscuity(), 0)
  })

  it('ends promiscuous mode and devices when the process is killed', async () => {
    const then = `import('${driver('tuntap')}').then(({ openTapLink }) => {
      openTapLink({ name: 'orphan' }); console.log('open') })`
    const { child, line } = await lab.host('a').start(opens('promiscuous: true', then))
    assert.equal(line, 'open')
    assert.equal(promiscuity(), 1)
    child.kill('SIGKILL')
    await eventually(() => promiscuity() === 0 && !lab.host('a').ip('link').includes('orphan'), 'the end of both')
  })

  it('lets the process end: at close, or at once when told so', async () => {
    assert.equal(
      await lab.host('a').node(opens('', `setTimeout(() => { link.close(); console.log('closed') }, 50)`)),
      'closed\n',
    )
    assert.equal(await lab.host('a').node(opens('', `link.setRef(false); console.log('free')`)), 'free\n')
  })

  it('works in worker threads, and cleans up when one is ended in the middle', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { url, netns, guard, port } = workerData
      Promise.all([import(url), import(guard)]).then(([{ openPacketLink }, { KernelPortGuard }]) => {
        new KernelPortGuard({ netns }).reserve('tcp', ${ip(A)}, port)
        const link = openPacketLink({ interface: 'eth0', netns, promiscuous: true })
        link.onWake = () => link.receive(0, (frame) => parentPort.postMessage(frame.end - frame.start))
        parentPort.postMessage('open')
      })`
    const run = async (port: number): Promise<Worker> => {
      const workerData = { url: driver('packet'), guard: driver('port-guard'), netns, port }
      const worker = new Worker(code, { eval: true, workerData })
      const messages: unknown[] = []
      worker.on('message', (message) => messages.push(message))
      worker.on('error', (error) => messages.push(error))
      await eventually(() => messages.length > 0, 'the worker')
      assert.equal(messages[0], 'open')
      await lab.host('b').node(`const s=require('dgram').createSocket('udp4');s.send('x',9,'${A}',()=>s.close())`)
      await eventually(() => messages.includes(43), 'a frame in the worker')
      return worker
    }
    await (await run(9100)).terminate()
    const before = descriptors()
    const [one, other] = await Promise.all([run(9100), run(9101)])
    assert.equal(promiscuity(), 2)
    await Promise.all([one.terminate(), other.terminate()])
    await turn()
    assert.equal(promiscuity(), 0)
    assert.equal(descriptors(), before)
  })

  it('may be closed from within its own callbacks, and lets their exceptions out', async () => {
    const send = `const s=require('dgram').createSocket('udp4');const t=()=>s.send('x',9,'${A}');setInterval(t,5);t();console.log('sends')`
    const sender = await lab.host('b').start(send)
    const onFrame = opens('', `link.onWake = () => link.receive(0, () => { link.close(); console.log('closed') })`)
    assert.equal(await lab.host('a').node(onFrame), 'closed\n')
    const onWake = opens('', `link.onWake = () => { link.close(); console.log('closed') }`)
    assert.equal(await lab.host('a').node(onWake), 'closed\n')
    const thrower = `process.on('uncaughtException', (error) => { console.log(error.message); process.exit() })
      ${opens('', `link.onWake = () => { throw new Error('seen') }`)}`
    assert.equal(await lab.host('a').node(thrower), 'seen\n')
    sender.child.kill()
  })

  it('takes the buffer that rmem_max allows when it may not force one', async () => {
    const script = opens('', `console.log(link.receiveBuffer); link.close()`)
    const forced = Number(await lab.host('a').node(script))
    const child = lab
      .host('a')
      .spawn('setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', process.execPath, '-e', script)
    const allowed = Number(await outputOf(child))
    const limit = Number(lab.host('a').run('cat', '/proc/sys/net/core/rmem_max'))
    assert.equal(forced, 64 << 20)
    assert.equal(allowed, Math.min(2 * limit, 64 << 20))
  })

  it('opens a persistent device without privilege, and leaves it there', async () => {
    const host = lab.host('a')
    host.ip('tuntap', 'add', 'dev', 'kept', 'mode', 'tap', 'user', 'root')
    host.ip('addr', 'add', '10.3.0.1/24', 'dev', 'kept')
    host.ip('link', 'set', 'kept', 'up')
    const script = `import('${driver('tuntap')}').then(({ openTapLink }) => {
      const link = openTapLink({ name: 'kept', kernelAddress: { addr: ${ip('10.3.0.1')}, prefix: 24 } })
      console.log(link.name, link.offload.segmentation); link.close() }).catch((e) => console.log(e.message))`
    const child = host.spawn('setpriv', '--bounding-set=-all', '--inh-caps=-all', process.execPath, '-e', script)
    assert.equal(await outputOf(child), 'tap kept true\n')
    assert.ok(host.ip('link').includes('kept'))
  })

  it('says what is not permitted, and the command that helps', async () => {
    const unprivileged = async (script: string) => {
      const child = lab
        .host('a')
        .spawn('setpriv', '--bounding-set=-all', '--inh-caps=-all', process.execPath, '-e', script)
      return firstLine(child)
    }
    assert.match(
      await unprivileged(opens('', `console.log('opened')`)),
      /^Cannot open AF_PACKET socket on "eth0": permission denied\. Run as root, or once: sudo setcap .*\(EPERM\)$/,
    )
    const tap = `import('${driver('tuntap')}').then(({ openTapLink }) => openTapLink({ name: 'x' })).catch((e) => console.log(e.message))`
    assert.match(
      await unprivileged(tap),
      /^Cannot open TAP "x": permission denied\. .*ip tuntap add dev x mode tap user.*\(EPERM\)$/,
    )
    const bind = `import('${driver('port-guard')}').then(({ KernelPortGuard }) => new KernelPortGuard().reserve('tcp', ${ip(A)}, 80))
      .catch((e) => console.log(e.message))`
    assert.match(
      await unprivileged(bind),
      /^Cannot hold tcp port 10\.0\.0\.1:80 of the kernel: permission denied\. .*\(EPERM\)$/,
    )
  })
})
