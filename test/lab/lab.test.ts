import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { probeAccess } from '../../src/lab/namespace.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const access = probeAccess()
const skip = 'access' in access ? false : access.reason

describe('gotcp lab', { skip }, () => {
  // A folder of our own for what the lab writes down: no other lab of this user is seen or touched.
  const folder = mkdtempSync(join(tmpdir(), `gotcp-test-${process.pid}-`))
  const env = { ...process.env, XDG_RUNTIME_DIR: folder }
  const gotcp = (...argv: readonly string[]): { code: number | null; stdout: string; stderr: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], { env, encoding: 'utf8' })
    return { code: status, stdout, stderr }
  }
  /** The processes that hold the lab's namespaces. */
  const holders = (): number[] =>
    gotcp('lab', 'status', '--json')
      .stdout.trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { pid: number }).pid)
  /** This machine's own lo and eth0, whose names the lab's hosts use too. */
  const links = (): string =>
    ['lo', 'eth0']
      .map((name) => spawnSync('ip', ['-br', 'addr', 'show', 'dev', name], { encoding: 'utf8' }).stdout)
      .join('')
  let linksBefore = ''

  before(() => {
    linksBefore = links()
  })
  after(() => {
    gotcp('lab', 'down')
    rmSync(folder, { recursive: true, force: true })
  })

  it('up makes two hosts that reach each other, and a second up changes nothing', () => {
    const { code, stdout } = gotcp('lab', 'up')
    assert.equal(code, 0)
    assert.equal(stdout, 'node1  172.20.0.2  eth0\nnode2  172.20.0.3  eth0\n')
    const first = holders()
    assert.equal(gotcp('lab', 'up').code, 0)
    assert.deepEqual(holders(), first)
    const ping = gotcp('lab', 'exec', 'node1', 'ping', '-c', '1', '-W', '2', '172.20.0.3')
    assert.equal(ping.code, 0, ping.stderr)
    assert.equal(gotcp('lab', 'exec', 'node2', 'ping', '-c', '1', '-W', '2', '172.20.0.2').code, 0)
  })

  it('leaves the interfaces of this machine alone', () => {
    assert.equal(links(), linksBefore)
  })

  it('exec passes arguments, streams and the exit code through, and brings this very gotcp', () => {
    const shell = gotcp('lab', 'exec', 'node1', 'sh', '-c', 'echo "$1"; gotcp --version; exit 7', 'x', '--json')
    assert.equal(shell.code, 7)
    assert.match(shell.stdout, /^--json\ngotcp \d/)
    assert.match(gotcp('lab', 'exec', 'node2', 'gotcp', '--version').stdout, /^gotcp \d/)
    assert.match(gotcp('lab', 'exec', 'node2', 'ip', '-br', 'addr').stdout, /eth0@.* 172\.20\.0\.3\/24/)
  })

  it('labs of other names do not meet', () => {
    assert.equal(gotcp('lab', 'exec', '--name', 'other', 'node1', 'true').code, 2)
    assert.match(gotcp('lab', 'exec', '--name', 'other', 'node1', 'true').stderr, /run: gotcp lab up --name other$/m)
    assert.match(gotcp('lab', 'status', '--name', 'other').stderr, /run: gotcp lab up --name other$/m)
    const up = gotcp('lab', 'up', '--name', 'other')
    assert.equal(up.code, 0)
    assert.match(up.stderr, /try: gotcp lab exec --name other node1 gotcp ping/)
    assert.equal(gotcp('lab', 'down', '--name', 'other').code, 0)
    assert.equal(gotcp('lab', 'status').code, 0)
  })

  it('exec says that flags go before the host', () => {
    const { code, stderr } = gotcp('lab', 'exec', 'node1', '--name', 'other', 'ls')
    assert.equal(code, 2)
    assert.match(stderr, /^gotcp: "--name" is no program; flags go before HOST: gotcp lab exec --name … node1 …\n$/)
  })

  it('up mends a lab that lost a host', () => {
    const [first, second] = holders()
    process.kill(second!, 'SIGKILL')
    while (gotcp('lab', 'status').code === 0);
    assert.equal(gotcp('lab', 'exec', 'node1', 'true').code, 2)
    assert.equal(gotcp('lab', 'up').code, 0)
    assert.equal(holders().includes(first!), false)
    assert.equal(gotcp('lab', 'exec', 'node1', 'ping', '-c', '1', '-W', '2', '172.20.0.3').code, 0)
  })

  it('down ends what runs on the hosts and leaves nothing', async () => {
    const program = spawn(process.execPath, [MAIN, 'lab', 'exec', 'node2', 'sleep', '600'], { env })
    const exit = once(program, 'exit')
    const [, node2] = holders()
    const inside = (): boolean => {
      const sleeping = spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).stdout
      return /^\s*\d+ sleep 600$/m.test(sleeping)
    }
    while (!inside()) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(gotcp('lab', 'down').code, 0)
    assert.deepEqual(await exit, [143, null])
    assert.equal(existsSync(`/proc/${node2}`) && isSleeper(node2!), false)
    assert.equal(gotcp('lab', 'status').code, 1)
    assert.equal(gotcp('lab', 'down').code, 0)
    assert.equal(links(), linksBefore)
    assert.deepEqual(readdirSync(folder), [])
  })
})

const isSleeper = (pid: number): boolean =>
  spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
    .stdout.trim()
    .startsWith('S')

/** The processes below a process, its own number included. */
function family(pid: number): number[] {
  const rows = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n')
  const children = rows.map((row) => row.trim().split(/\s+/).map(Number)).filter(([, parent]) => parent === pid)
  return [pid, ...children.flatMap(([child]) => family(child!))]
}

describe('gotcp lab demo', () => {
  const demo = (...flags: readonly string[]): ChildProcess =>
    spawn(process.execPath, [MAIN, 'lab', 'demo', '--bytes', '4M', '--count', '3', ...flags])

  async function finish(
    child: ChildProcess,
  ): Promise<{ code: number | null; records: Record<string, unknown>[]; stderr: string }> {
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (chunk) => (stdout += chunk))
    child.stderr?.on('data', (chunk) => (stderr += chunk))
    const [code] = await once(child, 'close')
    return {
      code,
      records: stdout
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
      stderr,
    }
  }

  for (const [where, flags] of [
    ['in memory', ['--memory']],
    ['with a real kernel', []],
  ] as const) {
    it(`${where} carries everything both ways, with and without loss`, {
      skip: where === 'in memory' ? false : skip,
    }, async () => {
      const { code, records, stderr } = await finish(demo('--json', ...flags))
      assert.equal(code, 0, stderr)
      const arena = records.find((r) => r['event'] === 'arena')
      if (where !== 'in memory' && arena?.['reason'] !== null) return console.log(`# no kernel: ${arena?.['reason']}`)
      const steps = records.filter((r) => r['event'] === 'step')
      assert.equal(steps.length, 6)
      for (const step of steps) assert.equal(step['ok'], true, JSON.stringify(step))
      for (const step of steps.filter((s) => 'bytes' in s)) {
        assert.equal(step['arrived'], 4 * 1024 * 1024)
        assert.equal(step['crc32_sent'], step['crc32_arrived'])
      }
      assert.deepEqual(records.at(-1), { v: 1, event: 'summary', steps: 6, failed: 0 })
    })
  }

  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    it(`leaves no process behind after ${signal}`, { skip }, async () => {
      const child = demo('--bytes', '1G')
      await once(child.stdout!, 'data')
      const all = family(child.pid!).slice(1)
      assert.ok(all.length >= 2, 'the demo has hosts')
      child.kill(signal)
      const [code] = await once(child, 'exit')
      assert.equal(code, signal === 'SIGINT' ? 130 : null)
      const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !isZombie(pid)
      for (let tries = 0; tries < 200 && all.some(isAlive); tries++)
        await new Promise((resolve) => setTimeout(resolve, 50))
      assert.deepEqual(all.filter(isAlive), [])
    })
  }
})

const isZombie = (pid: number): boolean =>
  spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.startsWith('Z')
