import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { after, afterEach, before, describe, it } from 'node:test'

import { BpfAssembler } from '../../src/driver/bpf.ts'
import { createStack } from '../../src/driver/create-stack.ts'
import { openPacketLink, type PacketLinkOptions } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import type { Host } from '../../src/stack/host.ts'
import { Collector, eventually } from './collect.ts'
import { ip } from './frames.ts'
import { createLab, type Lab, labUnavailable, outputOf } from './netns.ts'

const KERNELS = '10.0.0.1'
const OURS = '10.0.0.9'
const SECOND = '10.0.0.10'
const B = '10.0.0.2'
const COUNT = 20

/** A stack in a process of its own, until it is killed. */
const HOLDER = `
const [netns, ours] = process.argv.slice(1)
import('${new URL('../../src/index.js', import.meta.url)}').then(({ createStack, openPacketLink }) => {
  createStack().addInterface(openPacketLink({ interface: 'eth0' }), { address: ours + '/24' })
  console.log('ready')
})`

const CAP_NET_ADMIN = 12n
const CAP_BPF = 39n

/** Why nothing can be withheld here; undefined where it can. */
function withholdingUnavailable(): string | undefined {
  const why = labUnavailable()
  if (why !== undefined) return why
  const [major, minor] = release().split('.').map(Number)
  if (major! < 6 || (major === 6 && minor! < 6)) return `Linux ${release()} has no programs at the ingress: 6.6 has`
  const effective = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]}`)
  const lacks = [CAP_NET_ADMIN, CAP_BPF].some((capability) => ((effective >> capability) & 1n) === 0n)
  return lacks ? 'CAP_NET_ADMIN or CAP_BPF is missing' : undefined
}

describe('openPacketLink({ withhold })', { skip: withholdingUnavailable() }, () => {
  let lab: Lab
  const stacks: Host[] = []

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: `${KERNELS}/24`, b: `${B}/24` })
  })
  afterEach(() => {
    for (const stack of stacks.splice(0)) stack.close()
    lab.host('a').sysctl('ipv4.ip_forward', 0)
  })
  after(() => lab.close())

  const open = (options: Partial<PacketLinkOptions> = {}): PortLink =>
    openPacketLink({ interface: 'eth0', netns: lab.host('a').netns, ...options })
  const add = (link: PortLink, address = OURS, shared = false) => {
    const stack = createStack()
    stacks.push(stack)
    return stack.addInterface(link, { address: `${address}/24`, shared })
  }
  /** A counter of the kernel's on `a`, such as `Ip InReceives` (RFC 4293). */
  const counter = (which: string): number => {
    const [protocol, name] = which.split(' ')
    const [names, values] = lab
      .host('a')
      .run('cat', '/proc/net/snmp')
      .split('\n')
      .filter((line) => line.startsWith(`${protocol}:`))
      .map((line) => line.split(' '))
    return Number(values![names!.indexOf(name!)])
  }
  /** What `COUNT` requests to `to` add to a counter of the kernel's on `a`: by default, how many it had in its hands. */
  const reached = async (to: string, name = 'Ip InReceives'): Promise<number> => {
    const before = counter(name)
    const child = lab.host('b').spawn('ping', '-q', '-c', String(COUNT), '-i', '0.01', '-W', '1', to)
    await new Promise((resolve) => child.once('close', resolve))
    return counter(name) - before
  }
  const answered = async (to: string): Promise<void> => {
    const text = await outputOf(lab.host('b').spawn('ping', '-c', '3', '-i', '0.05', to))
    assert.equal(text.match(/bytes from/g)?.length, 3)
  }

  it("keeps from the kernel what comes for the stack's own address", async () => {
    const link = open()
    add(link)
    assert.equal(link.withholds, true)
    assert.equal(await reached(OURS), 0)
    assert.equal(await reached(KERNELS), COUNT)
    await answered(OURS)
    await answered(KERNELS)
  })

  it('lets the kernel have all of it where it is not wanted', async () => {
    const link = open({ withhold: false })
    add(link)
    assert.equal(link.withholds, false)
    assert.equal(await reached(OURS), COUNT)
  })

  it('keeps a forwarding kernel from telling others of a better way to us', async () => {
    lab.host('a').sysctl('ipv4.ip_forward', 1)
    const iface = add(open({ withhold: false }))
    assert.ok((await reached(OURS, 'Icmp OutRedirects')) > 0)
    iface.link.close()
    add(open())
    assert.equal(await reached(OURS, 'Icmp OutRedirects'), 0)
    assert.equal(await reached(OURS, 'Ip ForwDatagrams'), 0)
  })

  it("leaves what is the kernel's as well to the kernel", async () => {
    const mine = open()
    add(mine, KERNELS)
    assert.equal(mine.withholds, false)
    const shared = open()
    add(shared, KERNELS, true)
    assert.equal(shared.withholds, false)
    assert.equal(await reached(KERNELS), COUNT)
  })

  it('follows the addresses of the stack', async () => {
    const link = open()
    const iface = add(link)
    iface.addAddress({ addr: ip(SECOND), prefix: 24 })
    assert.equal(await reached(SECOND), 0)
    iface.removeAddress(ip(OURS))
    assert.equal(await reached(SECOND), 0)
    assert.equal(link.withholds, true)
    lab.host('b').ip('neigh', 'replace', OURS, 'lladdr', macOf('a'), 'dev', 'eth0')
    assert.equal(await reached(OURS), COUNT)
    lab.host('b').ip('neigh', 'delete', OURS, 'dev', 'eth0')
    iface.removeAddress(ip(SECOND))
    assert.equal(link.withholds, false)
  })

  it('withholds nothing any more where it cannot say what', async () => {
    const link = open()
    const iface = add(link)
    iface.addAddress({ addr: ip(SECOND), prefix: 24 })
    assert.equal(link.withholds, true)
    // As a server does that gives its rights away.
    process.seteuid!(65534)
    try {
      iface.removeAddress(ip(SECOND))
    } finally {
      process.seteuid!(0)
    }
    assert.equal(link.withholds, false)
    assert.equal(await reached(OURS), COUNT)
  })

  it('withholds nothing that the link does not hear', async () => {
    const arpOnly = new BpfAssembler().loadProtocol().demand(0x0806).accept().assemble()
    for (const options of [{ vlan: 5 }, { filter: arpOnly }, { addresses: [`${SECOND}/24`] }] as const) {
      const link = open(options)
      add(link)
      assert.equal(link.withholds, false)
      link.close()
    }
    const link = open({ addresses: [`${OURS}/24`] })
    add(link).addAddress({ addr: ip(SECOND), prefix: 24 })
    assert.equal(link.withholds, true)
    lab.host('b').ip('neigh', 'replace', SECOND, 'lladdr', macOf('a'), 'dev', 'eth0')
    assert.equal(await reached(SECOND), COUNT)
    lab.host('b').ip('neigh', 'delete', SECOND, 'dev', 'eth0')
  })

  it('ends when the interface goes to another namespace', async () => {
    const other = createLab({ hosts: ['c'] })
    try {
      lab.host('a').ip('link', 'add', 'mover', 'type', 'veth', 'peer', 'name', 'stays')
      for (const end of ['mover', 'stays']) lab.host('a').ip('link', 'set', end, 'up')
      const link = open({ interface: 'mover' })
      add(link, '10.9.0.9')
      assert.equal(link.withholds, true)
      lab.host('a').ip('link', 'set', 'mover', 'netns', other.host('c').id)
      await eventually(() => link.error?.code === 'ENODEV', 'the end of the link')
      assert.equal(link.withholds, false)
    } finally {
      other.close()
      lab.host('a').run('sh', '-c', 'ip link delete stays 2> /dev/null; true')
    }
  })

  it('leaves captures what they had', async () => {
    const capture = open({ filter: 'none' })
    const collector = new Collector(capture)
    add(open())
    await answered(OURS)
    const requests = collector.frames.filter(({ bytes }) => bytes[23] === 1 && bytes[33] === 9)
    assert.equal(requests.length, 3)
    capture.close()
  })

  it('ends with the link, and with a process that is killed', async () => {
    const link = open()
    add(link)
    link.close()
    assert.equal(link.withholds, false)
    lab.host('b').ip('neigh', 'replace', OURS, 'lladdr', macOf('a'), 'dev', 'eth0')
    assert.equal(await reached(OURS), COUNT)
    const { child } = await lab.host('a').start(HOLDER, lab.host('a').netns, OURS)
    assert.equal(await reached(OURS), 0)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    assert.equal(await reached(OURS), COUNT)
    lab.host('b').ip('neigh', 'delete', OURS, 'dev', 'eth0')
  })

  const macOf = (host: string): string => JSON.parse(lab.host(host).ip('-j', 'link', 'show', 'eth0'))[0].address
})
