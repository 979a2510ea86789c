// Many idle connections, and then each answers: npm run bench -- idle [--connections 100000] [--against stack|kernel]
import { spawn } from 'node:child_process'
import { totalmem } from 'node:os'
import { join } from 'node:path'

import { createLab, firstLine, labUnavailable, outputOf } from '../test/real/netns.ts'
import { positive, readFlags } from './flags.ts'
import { FIRST_PORT, type HoldOrder, type HoldResult, PER_PORT } from './idle/order.ts'
import { machine, refuse } from './rig.ts'

const HOLD = join(import.meta.dirname, 'idle/hold.js')
const KERNEL_PEER = join(import.meta.dirname, 'idle/kernel-peer.js')
/** V8's heap must have room for them, in MiB: more than an end takes. */
const HEAP = { base: 512, end: 8 / 1024 } as const
const AGAINST = ['stack', 'kernel'] as const

async function hold(order: HoldOrder): Promise<HoldResult> {
  const ends = order.netns === undefined ? 2 * order.connections : order.connections
  const heap = Math.ceil(HEAP.base + ends * HEAP.end)
  const child = spawn(process.execPath, [`--max-old-space-size=${heap}`, HOLD, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await outputOf(child))
}

async function againstKernel(connections: number): Promise<HoldResult> {
  const why = labUnavailable()
  if (why !== undefined) refuse(why)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  const lab = createLab({ hosts: ['client', 'peer'] })
  try {
    lab.veth('client', 'peer', { client: '10.0.0.1/24', peer: '10.0.0.2/24' })
    // A few hundred handshakes at a time are no attack, and one port may have many waiting.
    lab.host('peer').sysctl('core.somaxconn', 4096)
    // A process may have too few descriptors for all: one for each port.
    const ports = Array.from({ length: Math.ceil(connections / PER_PORT) + 1 }, (_, i) => FIRST_PORT + i)
    const peer = lab.host('peer')
    await Promise.all(ports.map((port) => firstLine(peer.spawn(process.execPath, KERNEL_PEER, String(port)))))
    return await hold({ connections, netns: lab.host('client').netns })
  } finally {
    lab.close()
  }
}

function print({ ends, answers, idle, afterwards, opening, answering }: HoldResult): void {
  const each = (bytes: number): string => String(Math.round(bytes / ends)).padStart(9)
  console.log('| bytes for each end      |      heap |  external |       RSS |')
  console.log('|-------------------------|----------:|----------:|----------:|')
  for (const [title, memory] of [
    ['idle', idle],
    ['after each has answered', afterwards],
  ] as const) {
    console.log(`| ${title.padEnd(23)} | ${each(memory.heap)} | ${each(memory.external)} | ${each(memory.rss)} |`)
  }
  const micros = (ms: number): string => `${(ms * 1000).toFixed(0)} µs`
  console.log(`\nopening: ${micros(opening)} each; all ${answers} answered, ${micros(answering)} each`)
}

/** Prints what an idle connection takes. */
export async function holdIdle(args: readonly string[]): Promise<void> {
  const values = readFlags(args, {
    connections: { type: 'string', default: '100000' },
    against: { type: 'string', default: 'stack' },
    json: { type: 'boolean', default: false },
  })
  const connections = Math.ceil(positive('connections', values.connections))
  const against = AGAINST.find((each) => each === values.against)
  if (against === undefined) refuse(`--against is one of ${AGAINST.join(', ')}`)
  const needed = connections * (against === 'stack' ? 2 : 4) * 6 * 1024
  if (needed > 0.8 * totalmem()) refuse(`${connections} connections need more memory than this machine has`)
  const result = against === 'stack' ? await hold({ connections }) : await againstKernel(connections)
  if (values.json) console.log(JSON.stringify({ v: 1, against, connections, ...result }))
  else {
    console.log(machine())
    console.log(`${connections} connections ${against === 'stack' ? 'between two stacks' : 'to the kernel'}\n`)
    print(result)
  }
}
