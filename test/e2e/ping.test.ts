import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { gotcp, records, shell, start } from './command.ts'

describe('gotcp ping as a process', { skip: labUnavailable() }, () => {
  let lab: Lab
  let ours: LabHost
  before(() => {
    lab = createLab({ hosts: ['ours', 'peer'] })
    ours = lab.host('ours')
    lab.veth('ours', 'peer', { ours: '172.20.0.2/24', peer: '172.20.0.3/24' })
  })
  after(() => lab.close())

  it("prints iputils' lines and loses nothing, the first packet included", async () => {
    const { code, stdout, stderr } = await gotcp(
      ours,
      'ping',
      '-i',
      'eth0',
      '-dest',
      '172.20.0.3',
      '-c',
      '5',
      '--interval',
      '0.05',
    )
    assert.equal(code, 0)
    assert.equal(stderr, '')
    const lines = stdout.toString().split('\n')
    assert.equal(lines[0], 'PING 172.20.0.3 (172.20.0.3) 56(84) bytes of data.')
    for (let seq = 1; seq <= 5; seq++) {
      assert.match(
        lines[seq]!,
        new RegExp(
          `^64 bytes from 172\\.20\\.0\\.3: icmp_seq=${seq} ttl=64 time=(\\d\\.\\d{3}|[1-9]\\.\\d\\d|\\d\\d\\.\\d|\\d{3,}) ms$`,
        ),
      )
    }
    assert.equal(lines[6], '')
    assert.equal(lines[7], '--- 172.20.0.3 ping statistics ---')
    assert.match(lines[8]!, /^5 packets transmitted, 5 received, 0% packet loss, time \d+ms$/)
    assert.match(lines[9]!, /^rtt min\/avg\/max\/mdev = (\d+\.\d{3}\/){3}\d+\.\d{3} ms$/)
  })

  it("says the same as the kernel's ping, but for times", async () => {
    const normal = (text: Buffer): string => text.toString().replace(/\d+(\.\d+)? ?ms|= [\d./]+/g, 'T')
    const its = await shell(ours, 'command -v ping > /dev/null && ping -c 2 -i 0.2 -s 1000 172.20.0.3')
    if (its.code !== 0) return
    const own = await gotcp(ours, 'ping', '172.20.0.3', '-c', '2', '--interval', '0.2', '-s', '1000')
    assert.equal(normal(own.stdout), normal(its.stdout))
  })

  it("says the same as the kernel's ping of a pattern", async () => {
    const head = (text: Buffer): string => text.toString().split('\n').slice(0, 2).join('\n')
    const its = await shell(ours, 'command -v ping > /dev/null && ping -c 1 -p ff00 172.20.0.3')
    if (its.code !== 0) return
    assert.equal(head((await gotcp(ours, 'ping', '172.20.0.3', '-c', '1', '-p', 'ff00')).stdout), head(its.stdout))
  })

  it('counts microseconds with -D', async () => {
    const { stdout } = await gotcp(ours, 'ping', '172.20.0.3', '-c', '9', '--interval', '0', '-D')
    const micros = [...stdout.toString().matchAll(/^\[\d+\.(\d{6})\] 64 bytes/gm)].map((match) => match[1]!)
    assert.equal(micros.length, 9)
    assert.ok(micros.some((digits) => !digits.endsWith('000')))
  })

  for (const [kind, ...args] of [
    ['an address of its own', '--ip', '172.20.0.77/24', '172.20.0.3'],
    ['a TAP', '--tap', 'gotcp0', '--ip', '10.9.0.2/24', '10.9.0.1'],
    ['a TUN', '--tun', 'gotcp0', '--ip', '10.9.1.2/24', '10.9.1.1'],
    ['a TUN with a gateway', '--tun', 'gotcp0', '--ip', '10.9.1.2/24', '--gateway', '10.9.1.7', '10.9.1.7'],
    ['our own address', '172.20.0.2'],
  ] as const) {
    it(`works with ${kind}`, async () => {
      const { code, stdout } = await gotcp(ours, 'ping', ...args, '-c', '2', '--interval', '0.05')
      assert.match(stdout.toString(), /2 packets transmitted, 2 received/)
      assert.equal(code, 0)
    })
  }

  it('says who is unreachable, and what is still unanswered', async () => {
    const { code, stdout } = await gotcp(ours, 'ping', '172.20.0.9', '-c', '2', '-O', '--interval', '0.3')
    assert.equal(code, 1)
    assert.match(stdout.toString(), /^no answer yet for icmp_seq=1$/m)
    assert.match(stdout.toString(), /^From 172\.20\.0\.2 icmp_seq=1 Destination Host Unreachable$/m)
    assert.match(stdout.toString(), /^2 packets transmitted, 0 received, \+2 errors, 100% packet loss, time \d+ms$/m)
  })

  it('marks duplicates and counts losses, and tells the seed that repeats them', async () => {
    const run = (...faults: string[]) =>
      gotcp(ours, 'ping', '172.20.0.3', '-c', '20', '--interval', '0.02', '-W', '0.3', ...faults)
    const doubled = await run('--duplicate', '1', '--seed', '7')
    assert.match(doubled.stdout.toString(), /icmp_seq=1 ttl=64 time=\S+ ms \(DUP!\)/)
    assert.match(doubled.stdout.toString(), /20 received, \+\d+ duplicates, 0% packet loss/)
    assert.equal(doubled.stderr, '')
    const lossy = await run('--loss', '100%')
    assert.match(lossy.stdout.toString(), /20 packets transmitted, 0 received.* 100% packet loss/)
    assert.match(lossy.stderr, /--seed \d+ repeats it/)
    assert.equal(lossy.code, 1)
  })

  it('prints its summary at the first Ctrl-C', async () => {
    const running = start(ours, 'ping', '172.20.0.3', '--interval', '0.05')
    await running.until(/icmp_seq=3/)
    running.child.kill('SIGQUIT')
    await running.until(/packets, 0% loss, min\/avg\/ewma\/max/)
    running.interrupt()
    const { code, stdout } = await running.ended
    assert.equal(code, 0)
    assert.match(stdout.toString(), /packets transmitted.*\nrtt/)
  })

  it('prints records with --json, and nothing else', async () => {
    const ended = await gotcp(ours, 'ping', '172.20.0.3', '-c', '2', '--interval', '0.05', '--json')
    const [first, reply, , summary] = records(ended)
    assert.equal(first!['event'], 'start')
    assert.deepEqual(
      [reply!['v'], reply!['event'], reply!['seq'], reply!['from'], reply!['duplicate']],
      [1, 'reply', 1, '172.20.0.3', false],
    )
    assert.deepEqual([summary!['event'], summary!['sent'], summary!['received']], ['summary', 2, 2])
  })

  it('shows the frames with -vv, and writes them with --pcap', async () => {
    const { stderr, stdout } = await gotcp(ours, 'ping', '172.20.0.3', '-c', '1', '-vv', '--pcap', '-')
    assert.match(stderr, /eth0 Out IP 172\.20\.0\.2 > 172\.20\.0\.3: ICMP echo request, id \d+, seq 1, length 64/)
    assert.match(stderr, /eth0 In {2}IP 172\.20\.0\.3 > 172\.20\.0\.2: ICMP echo reply/)
    assert.match(stderr, /1 packets transmitted/)
    assert.equal(stdout.readUInt32LE(0), 0xa1b2c3d4)
  })

  it('names the interface that is missing, and those that are there', async () => {
    const { code, stderr } = await gotcp(ours, 'ping', '-i', 'eth9', '172.20.0.3')
    assert.equal(code, 2)
    assert.match(stderr, /^gotcp: No interface is called "eth9"\. There are: .*eth0 172\.20\.0\.2\/24 \(ENODEV\)\n$/)
  })

  it('says what to do without a route, a host or a permission', async () => {
    const unroutable = await gotcp(ours, 'ping', '192.0.2.1')
    assert.equal(unroutable.code, 2)
    assert.match(unroutable.stderr, /no route leads to that address \(ENETUNREACH\); name the interface/)
    // Still root, so that it may read the program wherever that lies, but without a capability.
    const powerless = await shell(ours, 'setpriv --bounding-set=-all --inh-caps=-all $GOTCP ping 172.20.0.3')
    assert.equal(powerless.code, 2)
    assert.match(
      powerless.stderr,
      /permission denied\. Run as root, or once: sudo setcap .* \(EPERM\)\nsetcap gives .*\n$/,
    )
    const lost = await gotcp(ours, 'ping')
    assert.deepEqual([lost.code, lost.stdout.length], [2, 0])
  })

  it('ends when its interface is removed', async () => {
    lab.veth('ours', 'peer', { ours: '172.21.0.2/24', peer: '172.21.0.3/24' }, { name: 'spare' })
    const running = start(ours, 'ping', '-i', 'spare', '172.21.0.3', '--interval', '0.05')
    await running.until(/icmp_seq=2/)
    ours.ip('link', 'delete', 'spare')
    const { code, stdout, stderr } = await running.ended
    assert.equal(code, 2)
    assert.match(stdout.toString(), /packets transmitted/)
    assert.match(stderr, /^gotcp: spare was removed while in use\..* \(ENODEV\)\n$/m)
  })

  it('goes on when its interface was down for a while', async () => {
    lab.veth('ours', 'peer', { ours: '172.22.0.2/24', peer: '172.22.0.3/24' }, { name: 'flaky' })
    const running = start(ours, 'ping', '-i', 'flaky', '172.22.0.3', '--interval', '0.05')
    await running.until(/icmp_seq=2/)
    ours.ip('link', 'set', 'flaky', 'down')
    await running.until(/flaky is down/)
    ours.ip('link', 'set', 'flaky', 'up')
    await running.until(/flaky is up again/)
    await running.until(/64 bytes from/, running.stdout.length)
    running.interrupt()
    assert.equal((await running.ended).code, 0)
  })
})
