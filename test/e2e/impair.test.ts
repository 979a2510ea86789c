import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { type Ended, gotcp, node, type Running, records, start, startNode } from './command.ts'

/** Round-trip times of pings from `host`, in milliseconds; one that was lost is not among them. */
async function ping(host: LabHost, count: number, ...args: string[]): Promise<number[]> {
  const options = ['-c', `${count}`, '--interval', '0.02', '-W', '0.5', '--json']
  const ended = await gotcp(host, 'ping', '172.20.0.3', ...options, ...args)
  return records(ended)
    .filter(({ event }) => event === 'reply')
    .map(({ time_ms }) => time_ms as number)
}

describe('gotcp impair as a process', { skip: labUnavailable() }, () => {
  let lab: Lab
  let one: LabHost
  let middle: LabHost
  let other: LabHost
  let line: Running | undefined
  const folder = mkdtempSync(join(tmpdir(), `gotcp-impair-${process.pid}-`))

  before(() => {
    lab = createLab({ hosts: ['one', 'middle', 'other'] })
    one = lab.host('one')
    middle = lab.host('middle')
    other = lab.host('other')
    lab.veth('one', 'middle', { one: '172.20.0.2/24' }, { name: 'left' })
    lab.veth('other', 'middle', { other: '172.20.0.3/24' }, { name: 'right' })
  })
  after(() => {
    lab.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(async () => {
    if (line !== undefined) await stop()
  })

  /** With IPv6 a kernel sends what a test did not ask for. */
  const allowIpv6 = (allowed: boolean): void => {
    for (const [host, name, address] of [
      [one, 'left', 'fd00::2/64'],
      [other, 'right', 'fd00::3/64'],
    ] as const) {
      host.sysctl(`ipv6.conf.${name}.disable_ipv6`, allowed ? 0 : 1)
      if (allowed) host.ip('addr', 'add', address, 'dev', name, 'nodad')
    }
  }
  const join2 = async (...args: string[]): Promise<Running> => {
    line = start(middle, 'impair', '-i', 'left', '-i', 'right', ...args)
    await line.until(/are joined/)
    return line
  }
  const stop = async (): Promise<Ended> => {
    line!.interrupt()
    const ended = await line!.ended
    line = undefined
    return ended
  }
  const summary = (ended: Ended): Record<string, Record<string, number>> =>
    records(ended).find(({ event }) => event === 'summary') as Record<string, Record<string, number>>

  it('carries frames both ways and adds the delay to the round trip', async () => {
    await join2('--delay', '15ms')
    const times = await ping(one, 10)
    assert.equal(times.length, 10)
    // Where the machine stalls, a packet may have come after the time that its delay counts from.
    assert.ok(
      times.every((ms) => ms >= 25),
      times.join(' '),
    )
    const { code, stdout, stderr } = await stop()
    assert.equal(code, 0)
    assert.match(stdout.toString(), /^left -> right: \d+ packets, 0 lost/m)
    assert.match(stdout.toString(), /^right -> left: \d+ packets, 0 lost/m)
    assert.match(stderr, /--seed \d+ repeats the same faults/)
  })

  it('is different each way where that is asked for', async () => {
    await join2('--delay', '1ms', '--a-to-b', 'delay 20ms', '--b-to-a', 'loss 100%', '--json')
    assert.deepEqual(await ping(one, 3), [])
    const { a_to_b, b_to_a } = summary(await stop())
    assert.equal(a_to_b!['lost'], 0)
    assert.equal(b_to_a!['lost'], b_to_a!['packets'])
    assert.ok(b_to_a!['packets']! > 0)
  })

  it('loses the share asked for, and the same packets for the same seed', async () => {
    // The neighbours stay known, so that no ARP packet moves the pattern.
    one.ip('neigh', 'replace', '172.20.0.3', 'lladdr', macOf(other, 'right'), 'dev', 'left', 'nud', 'permanent')
    other.ip('neigh', 'replace', '172.20.0.2', 'lladdr', macOf(one, 'left'), 'dev', 'right', 'nud', 'permanent')
    const losses = async (): Promise<string> => {
      await join2('--a-to-b', 'loss 20%', '--seed', '7', '--json')
      const said = await kernelPing(one)
      const { a_to_b } = summary(await stop())
      assert.ok(a_to_b!['lost']! > 20 && a_to_b!['lost']! < 60, `${a_to_b!['lost']} of ${a_to_b!['packets']} lost`)
      return said
    }
    const first = await losses()
    assert.ok(first.split(',').length > 120)
    assert.equal(await losses(), first)
  })

  for (const [version, address] of [
    ['IPv4', '172.20.0.3'],
    ['IPv6', 'fd00::3'],
  ] as const) {
    it(`carries TCP over ${version} between two kernels unharmed, whatever befalls the packets`, async () => {
      allowIpv6(version === 'IPv6')
      await join2('--loss', '1%', '--reorder', '2%', '--duplicate', '1%', '--corrupt', '0.5%', '--delay', '2ms')
      const server = await startNode(
        other,
        `const { createHash } = require('node:crypto')
        require('node:net').createServer({ allowHalfOpen: true }, (s) => {
          const hash = createHash('sha256')
          s.on('data', (c) => hash.update(c)).on('end', () => s.end(hash.digest('hex')))
        }).listen(7000, () => console.log('ready'))`,
      )
      const client = await node(
        one,
        `const { createHash, randomBytes } = require('node:crypto')
        const data = randomBytes(2_000_000)
        const s = require('node:net').connect(7000, '${address}', () => s.end(data))
        let said = ''
        s.setEncoding('utf8').on('data', (t) => said += t).on('end', () =>
          console.log(said === createHash('sha256').update(data).digest('hex') ? 'same' : 'different'))`,
      )
      server.child.kill()
      allowIpv6(false)
      assert.equal(client.stdout.toString().trim(), 'same')
    })
  }

  it('changes in time by --at and by a script, and says so', async () => {
    const script = join(folder, 'script')
    writeFileSync(script, '# a black hole\n0.3s down\n\n0.6s up  # and out of it\n')
    const running = await join2('--at', '0.1s a-to-b delay 1ms', '--script', script)
    await running.until(/0\.60 s: up/)
    assert.equal((await ping(one, 2)).length, 2)
    const { stderr } = await stop()
    assert.match(stderr, /^0\.10 s: a-to-b delay 1ms$/m)
    assert.match(stderr, /^0\.30 s: down$/m)
  })

  it('writes what the first interface sees to a capture', async () => {
    const file = join(folder, 'line.pcap')
    await join2('--delay', '1ms', '--pcap', file)
    await ping(one, 2)
    await stop()
    const { stdout } = await gotcp(one, 'dump', '-r', file, '-n', 'icmp')
    assert.equal(stdout.toString().match(/ICMP echo request/g)?.length, 2)
    assert.equal(stdout.toString().match(/ICMP echo reply/g)?.length, 2)
  })

  it('ends after --duration, and prints intervals', async () => {
    const { code, stdout } = await gotcp(
      middle,
      'impair',
      '-i',
      'left',
      '-i',
      'right',
      '--duration',
      '0.5s',
      '--interval',
      '0.2',
    )
    assert.equal(code, 0)
    assert.match(stdout.toString(), /^0\.20-0\.40 s {2}left -> right: 0 packets/m)
  })

  it('refuses what cannot be, with a sentence', async () => {
    for (const [args, message] of [
      [['-i', 'left'], /impair joins two interfaces; name both/],
      [['-i', 'left', '-i', 'left'], /left cannot be joined with itself/],
      [['-i', 'left', '-i', 'lo'], /lo joins the kernel with itself/],
      [['-i', 'left', '-i', 'nope'], /No interface is called "nope"/],
      [['-i', 'left', '-i', 'right', '--loss', '101%'], /--loss: "101%" is not a share/],
      [['-i', 'left', '-i', 'right', '--a-to-b', 'los 1%'], /--a-to-b: "los" is not one of .*did you mean loss/],
      [['-i', 'left', '-i', 'right', '--at', 'loss 1%'], /--at: "loss" is not a time/],
      [['-i', 'left', '-i', 'right', '--at', '1s a-to-b'], /--at: nothing is set/],
      [['-i', 'left', '-i', 'right', '--at', '3000000s down'], /--at: "3000000s" is not a time .* at most 23 days/],
      [['-i', 'left', '-i', 'right', '--interval', '0'], /--interval: "0" is not a number of seconds above 0/],
      [['-i', 'left', '-i', 'right', '--script', join(folder, 'missing')], /no such file/],
    ] as const) {
      const { code, stderr } = await gotcp(middle, 'impair', ...args)
      assert.equal(code, 2, stderr)
      assert.match(stderr, message)
    }
  })

  it('warns of what has no effect', async () => {
    const once = ['-i', 'left', '-i', 'right', '--duration', '1ms']
    const idle = await gotcp(middle, 'impair', ...once, '--codel', '5ms', '--a-to-b', 'burst 5')
    assert.match(idle.stderr, /^warning: without a rate there is nothing for codel to do$/m)
    assert.match(idle.stderr, /^warning: without a loss there is nothing for burst to do$/m)
    const later = await gotcp(middle, 'impair', ...once, '--codel', '5ms', '--at', '1s rate 1M')
    assert.doesNotMatch(later.stderr, /warning/)
  })

  it('warns where the kernel would answer as well', async () => {
    middle.ip('addr', 'add', '172.20.0.9/24', 'dev', 'left')
    try {
      const { stderr } = await gotcp(middle, 'impair', '-i', 'left', '-i', 'right', '--duration', '1ms')
      assert.match(stderr, /this machine answers for 172\.20\.0\.9\/24 on left/)
    } finally {
      middle.ip('addr', 'del', '172.20.0.9/24', 'dev', 'left')
    }
  })
})

/** The sequence numbers, out of 200, that the kernel's own ICMP socket got answers to. */
async function kernelPing(host: LabHost): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const child = host.spawn('ping', '-n', '-c', '200', '-i', '0.005', '-W', '0.5', '172.20.0.3')
    let said = ''
    child.stdout!.setEncoding('utf8').on('data', (part: string) => (said += part))
    child.once('error', reject).once('close', () => resolve(said))
  })
  return [...text.matchAll(/icmp_seq=(\d+)/g)].map((match) => match[1]).join()
}

const macOf = (host: LabHost, name: string): string => /link\/ether (\S+)/.exec(host.ip('link', 'show', name))![1]!
