import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firstLine, type Lab, type LabHost, outputOf } from '../../test/real/netns.ts'
import type { Taken } from './flow.ts'

const FLOW = join(import.meta.dirname, 'flow.js')
const END = join(import.meta.dirname, 'end.js')
const GOTCP = join(import.meta.dirname, '../../src/cli/main.js')
const PORT = 9001
const LOCAL_PORT = 9000
const TUNNEL_PORT = 7000
/** Lines that a cell may have. */
const MOST_LINES = 4

/** A line between the two hosts. */
export interface LineSettings {
  readonly mbit: number
  /** Round trip, milliseconds. */
  readonly rtt: number
  /** Share that is lost each way, in per cent. */
  readonly loss?: number
  /** What happens to it later, as `gotcp impair --at` takes it. */
  readonly at?: string
}

/** What is sent: for so long or so many octets (0: no end), as fast as can be (0) or at a rate in Mbit/s. */
export interface Load {
  readonly ms: number
  readonly octets: number
  readonly mbit: number
  /** Octets that may be under way: of the kernel's buffers, and of the tunnel's windows. */
  readonly window: number
  readonly scheduler?: string
}

/** What a taker saw, and when the lines had come up: Unix time in milliseconds. */
export interface Measured extends Taken {
  readonly linesAt: number
}

const address = (line: number, end: 1 | 2): string => `10.7.${line}.${end}`

/** Two hosts with several lines between them, and three ways to use those: one alone, the kernel's MPTCP, our tunnel. */
export class Ways {
  static readonly HOSTS: readonly string[] = [
    'client',
    'server',
    ...Array.from({ length: MOST_LINES }, (_, i) => `line${i}`),
  ]
  readonly #lab: Lab
  /** Where the tunnel's server keeps its certificate. */
  readonly #state = mkdtempSync(join(tmpdir(), 'gotcp-bench-'))
  readonly #client: LabHost
  readonly #server: LabHost
  /** In a lab that has `HOSTS`; the kernel's connections have this congestion control, or the machine's default. */
  constructor(lab: Lab, congestion?: string) {
    this.#lab = lab
    process.once('exit', () => rmSync(this.#state, { recursive: true, force: true }))
    this.#client = lab.host('client')
    this.#server = lab.host('server')
    for (let i = 0; i < MOST_LINES; i++) {
      lab.veth('client', `line${i}`, { client: `${address(i, 1)}/24` }, { name: `left${i}` })
      lab.veth('server', `line${i}`, { server: `${address(i, 2)}/24` }, { name: `right${i}` })
    }
    for (const host of [this.#client, this.#server]) {
      host.sysctl('ipv4.tcp_no_metrics_save', 1)
      if (congestion !== undefined) host.sysctl('ipv4.tcp_congestion_control', congestion)
      host.run('ip', 'mptcp', 'limits', 'set', 'subflow', '8', 'add_addr_accepted', '8')
    }
  }

  /** Does `work` while the lines are up. */
  async over(lines: readonly LineSettings[], window: number, work: () => Promise<Taken>): Promise<Measured> {
    for (const host of [this.#client, this.#server]) {
      host.sysctl('ipv4.tcp_rmem', `"4096 131072 ${window}"`)
      host.sysctl('ipv4.tcp_wmem', `"4096 16384 ${window}"`)
    }
    const up = lines.map((line, i) => this.#lay(line, i))
    await Promise.all(up.map(firstLine))
    const linesAt = Date.now()
    try {
      return { ...(await work()), linesAt }
    } finally {
      await Promise.all(
        up.map(async (line) => {
          const said = outputOf(line)
          line.kill('SIGINT')
          await said
        }),
      )
    }
  }

  /** TCP on the first line. */
  async alone(load: Load): Promise<Taken> {
    return await this.#flow(load, address(0, 2), PORT, [])
  }

  /** All lines by the kernel's Multipath TCP. */
  async mptcp(lines: number, load: Load): Promise<Taken> {
    for (const host of [this.#client, this.#server]) host.run('ip', 'mptcp', 'endpoint', 'flush')
    for (let i = 1; i < lines; i++) {
      this.#client.run('ip', 'mptcp', 'endpoint', 'add', address(i, 1), 'dev', `left${i}`, 'subflow')
    }
    return await this.#flow(load, address(0, 2), PORT, ['mptcpize', 'run'])
  }

  /** All lines by our tunnel. */
  async tunnel(lines: number, load: Load): Promise<Taken> {
    const { window, scheduler = 'aggregate' } = load
    const common = { window, 'stream-window': window, scheduler, state: this.#state }
    const server = this.#end(this.#server, {
      mode: 'server',
      listen: [`0.0.0.0:${TUNNEL_PORT}`],
      users: [{ name: 'bench', password: 'bench' }],
      services: [{ name: 'bulk', type: 'tcp', connect: `127.0.0.1:${PORT}` }],
      ...common,
    })
    await firstLine(server)
    const client = this.#end(this.#client, {
      mode: 'client',
      user: 'bench',
      password: 'bench',
      paths: Array.from({ length: lines }, (_, i) => ({ name: `line${i}`, remote: `${address(i, 2)}:${TUNNEL_PORT}` })),
      services: [{ name: 'bulk', type: 'tcp', listen: `127.0.0.1:${LOCAL_PORT}` }],
      ...common,
    })
    await firstLine(client)
    const look =
      process.env['GOTCP_BENCH_LOOK'] === undefined ? undefined : setInterval(() => client.kill('SIGUSR2'), 1000)
    try {
      return await this.#flow(load, '127.0.0.1', LOCAL_PORT, [])
    } finally {
      clearInterval(look)
      client.kill('SIGKILL')
      server.kill('SIGKILL')
    }
  }

  /** From the client to the server's port, by way of an address and a port of the client's. */
  async #flow(load: Load, host: string, port: number, prefix: readonly string[]): Promise<Taken> {
    const node = [...prefix, process.execPath]
    const taker = this.#server.spawn(node[0]!, ...node.slice(1), FLOW, 'take', `${PORT}`)
    await firstLine(taker)
    const pourer = this.#client.spawn(node[0]!, ...node.slice(1), FLOW, 'pour', JSON.stringify({ ...load, host, port }))
    const said = await outputOf(taker)
    pourer.kill('SIGKILL')
    return JSON.parse(said.trim().split('\n').at(-1)!) as Taken
  }

  #lay({ mbit, rtt, loss = 0, at }: LineSettings, i: number) {
    const queue = Math.max(65_536, Math.round(mbit * 125 * rtt))
    const trouble = ['--delay', `${rtt / 2}ms`, '--rate', `${mbit}Mbit`, '--queue', `${queue}`, '--loss', `${loss}%`]
    const later = at === undefined ? [] : at.split(',').flatMap((change) => ['--at', `'${change}'`])
    const command = [process.execPath, GOTCP, 'impair', '-i', `left${i}`, '-i', `right${i}`, ...trouble, ...later]
    return this.#lab.host(`line${i}`).spawn('sh', '-c', `exec ${command.join(' ')} --seed 1 --json 2>/dev/null`)
  }

  #end(host: LabHost, config: object) {
    return host.spawn(process.execPath, END, JSON.stringify(config))
  }
}
