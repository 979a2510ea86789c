import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { DialOptions } from '../../src/transport/dial.ts'
import { eventually } from './collect.ts'
import { createLab, firstLine, type Lab, type LabHost, labUnavailable, outputOf } from './netns.ts'

const PROGRAM = join(import.meta.dirname, 'transport-main.js')
const ECHO = join(import.meta.dirname, 'transport-echo-main.js')
const SOCKS = join(import.meta.dirname, '../transport/socks-main.js')
const LIMIT = { timeout: 120_000 }
/** The server's address, on no line: both lines lead there, and the kernel prefers the first. */
const SERVER = '10.9.9.9'
const PORT = 7000
const PROXY = { kind: 'socks5', host: SERVER, port: 1080, login: undefined } as const
const VIA = { interface: 'eth1', ip: '10.2.0.9/24', gateway: '10.2.0.2' }

type Task = Partial<DialOptions> & { readonly tls?: boolean }

describe('paths by their own ways', { skip: labUnavailable() }, () => {
  let lab: Lab
  let here: LabHost
  let came: string[] = []

  before(async () => {
    lab = createLab({ hosts: ['here', 'there'] })
    here = lab.host('here')
    const there = lab.host('there')
    lab.veth('here', 'there', { here: '10.1.0.1/24', there: '10.1.0.2/24' })
    lab.veth('here', 'there', { here: '10.2.0.1/24', there: '10.2.0.2/24' })
    there.ip('addr', 'add', `${SERVER}/32`, 'dev', 'lo')
    here.ip('route', 'add', 'default', 'via', '10.1.0.2', 'dev', 'eth0', 'metric', '100')
    here.ip('route', 'add', 'default', 'via', '10.2.0.2', 'dev', 'eth1', 'metric', '200')
    const echo = there.spawn(process.execPath, ECHO, SERVER, String(PORT))
    await firstLine(echo)
    echo.stdout!.on('data', (text: string) => came.push(...text.trim().split('\n')))
    await firstLine(there.spawn(process.execPath, SOCKS, JSON.stringify({ host: SERVER, port: 1080 })))
  })
  after(() => lab.close())

  /** What came of dials at the same time, of a program that ends when nothing of them is left. */
  async function dial(...tasks: readonly Task[]): Promise<readonly string[]> {
    came = []
    const whole = tasks.map((task) => ({ host: SERVER, port: PORT, ...task }))
    return JSON.parse(await outputOf(here.spawn(process.execPath, PROGRAM, JSON.stringify(whole))))
  }

  /** The other side saw these, in any order; it may tell of them later than our side ends. */
  async function theyCame(addresses: readonly string[]): Promise<void> {
    await eventually(() => came.length >= addresses.length, 'the other side to tell')
    assert.deepEqual(came.sort(), addresses)
  }

  it('the kernel chooses, where nothing is said', LIMIT, async () => {
    assert.deepEqual(await dial({}), ['same'])
    await theyCame(['10.1.0.1'])
  })

  it('an interface by its name, or a local address', LIMIT, async () => {
    assert.deepEqual(await dial({ interface: 'eth1' }, { local: '10.2.0.1' }), ['same', 'same'])
    await theyCame(['10.2.0.1', '10.2.0.1'])
  })

  it('an interface through a proxy, with TLS', LIMIT, async () => {
    // proc_net_dev(5); what is in /sys is of the machine, and not of the namespace.
    const sent = (name: string): number =>
      Number(new RegExp(`${name}:(?:\\s+\\d+){8}\\s+(\\d+)`).exec(here.run('cat', '/proc/net/dev'))![1])
    const before = sent('eth0')
    assert.deepEqual(await dial({ interface: 'eth1', proxy: PROXY, port: PORT + 1, tls: true }), ['same'])
    assert.ok(sent('eth0') - before < 10_000, 'nothing of it by the other line')
  })

  it('our own stack, one for all that go by it, closed after the last', LIMIT, async () => {
    const outcomes = await dial({ via: VIA }, { via: VIA, port: PORT + 1, tls: true }, { via: VIA, proxy: PROXY })
    assert.deepEqual(outcomes, ['same', 'same', 'same'])
    await theyCame(['10.2.0.9', '10.2.0.9', SERVER])
  })

  it("our own stack under the kernel's address", LIMIT, async () => {
    assert.deepEqual(await dial({ via: { ...VIA, ip: '10.2.0.1/24' } }), ['same'])
    await theyCame(['10.2.0.1'])
  })

  it('says what is wrong with the way', LIMIT, async () => {
    const cases: readonly (readonly [Task, RegExp])[] = [
      [{ interface: 'eth7' }, /^Cannot connect by interface "eth7": no such interface.*\(ENODEV\)$/],
      [{ interface: 'eth1', port: 9 }, /^Cannot reach 10\.9\.9\.9:9 by eth1: nothing listens there \(ECONNREFUSED\)$/],
      [{ via: VIA, port: 9 }, /^Cannot reach .*:9 by our own stack on eth1: nothing listens there \(ECONNREFUSED\)$/],
      [{ via: { ...VIA, interface: 'eth7' } }, /^No interface is called "eth7".*\(ENODEV\)$/],
      [{ via: { ...VIA, ip: 'x' } }, /^Cannot use "x" as our address: write it as 10\.0\.0\.9\/24 \(EINVAL\)$/],
      [{ via: { ...VIA, gateway: 'x' } }, /^Cannot use "x" as the gateway: it is no IPv4 address \(EINVAL\)$/],
      [{ via: { ...VIA, ip: '10.1.0.1/24' } }, /10\.1\.0\.1 is the address of eth0 on this machine.*\(EADDRINUSE\)$/],
      [{ via: VIA, local: '10.2.0.1' }, /leave one out \(EINVAL\)$/],
    ]
    const outcomes = await dial(...cases.map(([task]) => task))
    for (const [i, [, expected]] of cases.entries()) assert.match(outcomes[i]!, expected)
  })
})
