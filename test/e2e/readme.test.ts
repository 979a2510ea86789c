import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLab, labUnavailable } from '../real/netns.ts'
import { MAIN, node, Running, start, startNode } from './command.ts'

const LIMIT = { timeout: 120_000 }
const readme = readFileSync('README.md', 'utf8')
const INDEX = fileURLToPath(new URL('../../src/index.js', import.meta.url))

/** What each command of the README says once it works. */
const SIGNS: Readonly<Record<string, RegExp>> = {
  ping: /64 bytes from 172\.20\.0\.3: icmp_seq=1/,
  tcpserver: /listening on 172\.20\.0\.2:8888/,
  tcpclient: /hello from the kernel/,
  dump: /listening on eth0/,
  ids: /172\.20\.0\./,
  bench: /listening on 172\.20\.0\.2:5201/,
}

describe('README.md', { skip: labUnavailable() }, () => {
  it('shows commands that work as they stand, on a wire with a kernel at its other end', LIMIT, async () => {
    const lines = [...readme.matchAll(/^\$ sudo gotcp (.+)$/gm)].map((match) => match[1]!.split(' '))
    assert.deepEqual(
      lines.map(([name]) => name),
      ['ping', 'tcpserver', 'tcpclient', 'dump', 'ids', 'bench'],
    )
    const lab = createLab({ hosts: ['node1', 'node2'] })
    try {
      lab.veth('node1', 'node2', { node1: '172.20.0.2/24', node2: '172.20.0.3/24' })
      const greeter = `require('net').createServer((s) => s.write('hello from the kernel\\n')).listen(8888, () => console.log('ready'))`
      const peer = await startNode(lab.host('node2'), greeter)
      for (const line of lines) {
        const running = start(lab.host('node1'), ...line)
        const noise = line[0] === 'ids' ? new Running(lab.host('node2'), ['ping', '-c', '3', '172.20.0.2']) : undefined
        await running.until(SIGNS[line[0]!]!)
        // The end of a client's input ends it; the others go on until they are interrupted.
        if (line[0] === 'tcpclient') running.child.stdin.end()
        else running.interrupt()
        const { code } = await running.ended
        await noise?.ended
        assert.equal(code, 0, `gotcp ${line.join(' ')}: ${running.stderr}`)
      }
      peer.child.kill()
      await peer.ended
    } finally {
      lab.close()
    }
  })

  it('shows several lines as one, in the words that gotcp has for it', LIMIT, async () => {
    const [, args, printed] = /^\$ gotcp (lab tunnel .+)\n([\s\S]*?)^```/m.exec(readme)!
    const child = spawn(process.execPath, [MAIN, ...args!.split(' ')], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    for await (const chunk of child.stdout) said += chunk
    // How fast it is, and whether that is enough, depends on who else is on the machine.
    const words = (text: string): string =>
      text
        .replace(/^[✓✗]/gmu, '-')
        .replace(/[\d.]+ ([kMG]?(bit\/s|iB)|m?s\b)/g, 'N')
        .replace(/[\d.]+(%| times)/g, 'N')
        .replace(/ +/g, ' ')
    assert.equal(words(said), words(printed!))
    assert.match(said, /^✓ what arrived has the SHA-256 of what was sent, each time$/m)
  })

  it('shows a library program that works as it stands', LIMIT, async () => {
    const program = /^```ts\n([\s\S]*?)^```/m.exec(readme)![1]!
    const folder = mkdtempSync(join(tmpdir(), `gotcp-readme-${process.pid}-`))
    const lab = createLab({ hosts: ['node1'] })
    try {
      const file = join(folder, 'program.mjs')
      writeFileSync(file, program.replace("'gotcp'", JSON.stringify(INDEX)))
      const server = new Running(lab.host('node1'), [process.execPath, file])
      const client = `
        const net = require('net')
        const attempt = (work) => {
          const socket = net.connect(8888, '10.0.0.2', () => work(socket))
          socket.on('error', () => setTimeout(attempt, 100, work))
        }
        const behave = (socket) => socket.on('data', (data) => console.log(String(data))).end('echo me')
        attempt((socket) => {
          socket.write('x')
          socket.once('data', () => socket.resetAndDestroy().on('close', () => attempt(behave)))
        })`
      assert.equal((await node(lab.host('node1'), client)).stdout.toString(), 'echo me\n')
      await server.until(/ECONNRESET/)
      server.child.kill('SIGTERM')
      await server.ended
    } finally {
      lab.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('shows a server of node:http that works as it stands', LIMIT, async () => {
    const program = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)][1]![1]!
    const folder = mkdtempSync(join(tmpdir(), `gotcp-readme-${process.pid}-`))
    const lab = createLab({ hosts: ['node1'] })
    try {
      const file = join(folder, 'program.mjs')
      const net = JSON.stringify(fileURLToPath(new URL('../../src/net/index.js', import.meta.url)))
      writeFileSync(file, program.replace("'gotcp'", JSON.stringify(INDEX)).replace("'gotcp/net'", net))
      const server = new Running(lab.host('node1'), [process.execPath, file])
      const request = ['-s', '--retry', '20', '--retry-all-errors', '--retry-delay', '1', 'http://10.0.0.2/']
      assert.equal(lab.host('node1').run('curl', ...request), 'you are 10.0.0.1\n')
      server.child.kill('SIGTERM')
      await server.ended
    } finally {
      lab.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
