// The clients in Node: one measurement over the public API, or over node:net, then one line of JSON with the figures.
// It runs in the namespace of the interface, or in that of the kernel at the other end of the TAP.
import { connect } from 'node:net'

import { createStack, createStackWorker, type Host, openPacketLink, openTapLink } from '../src/index.ts'
import { createNet } from '../src/net/index.ts'
import type { Api } from './api.ts'
import { NodeApi } from './api-node.ts'
import { PromiseApi } from './api-promises.ts'
import type { Mode, Order, Result } from './result.ts'

/** The kernel's client has its TIME-WAIT capped; this is our cap. */
const TIME_WAIT = 100
/** What runs before a stream is measured: as in a program that has run for a while, how one begins is compiled as well. */
const EARLY_STREAMS = 4
/** Microseconds of waiting awake: longer than any answer takes. */
const NEVER_ASLEEP = 1_000_000

function open({ link: kind, interface: name, address, shared = false, offload, ring, spin, mode, host }: Order): Host {
  const stack = createStack({ spin: mode === 'awake' ? NEVER_ASLEEP : spin })
  const link =
    kind === 'tap'
      ? openTapLink({ name, kernelAddress: `${host}/24` })
      : openPacketLink({ interface: name, addresses: [address], offload, ring })
  stack.addInterface(link, { address, shared })
  return stack
}

const seconds = (from: number): number => (performance.now() - from) / 1000

async function bulk(run: Api['send'], { ms, warmUp }: Order): Promise<Result> {
  let early = 0
  for (let i = 0; i < EARLY_STREAMS; i++) early += (await run(Math.ceil(warmUp / EARLY_STREAMS))).wrong
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const { bytes, wrong } = await run(ms)
  const gbps = (bytes * 8) / 1e9 / seconds(begin)
  const { user, system } = process.cpuUsage(cpu)
  return { gbps, cpuPerGb: (user + system) / 1e6 / (bytes / 1e9), bytes, wrong: wrong + early }
}

async function requestResponse(api: Api, { ms, warmUp }: Order): Promise<Result> {
  const samples: number[] = []
  const begin = performance.now()
  let at = begin
  const wrong = await api.requests(() => {
    const now = performance.now()
    if (at >= begin + warmUp) samples.push((now - at) * 1000)
    at = now
    return now < begin + warmUp + ms || samples.length === 0
  })
  samples.sort((a, b) => a - b)
  const percentile = (p: number): number => samples[Math.floor(samples.length * p)]!
  return { p50: percentile(0.5), p99: percentile(0.99), count: samples.length, wrong }
}

async function connectRate(api: Api, { ms, warmUp }: Order): Promise<Result> {
  let count = 0
  const runFor = (time: number): Promise<number> => {
    const end = performance.now() + time
    count = 0
    return api.connections(() => ++count > 0 && performance.now() < end)
  }
  const early = await runFor(warmUp)
  const begin = performance.now()
  const wrong = early + (await runFor(ms))
  return { rate: count / seconds(begin), count, wrong }
}

/** The client's way to speak with its peer, and how to end it. */
async function begin(order: Order): Promise<{ api: Api; end: () => void }> {
  const { host, port } = order
  if (order.link === 'kernel') {
    return { api: new NodeApi(() => connect({ host, port, noDelay: true })), end: () => undefined }
  }
  const tcp = { noDelay: true, timeWait: TIME_WAIT }
  if (order.api === 'worker') {
    const stack = createStackWorker()
    const { interface: name, address } = order
    await stack.addInterface({ kind: 'packet', interface: name, addresses: [address] }, { address })
    await stack.ping(host)
    const api = new PromiseApi(() => stack.tcp.connect({ host, port, ...tcp }))
    return { api, end: () => void stack.close() }
  }
  const stack = open(order)
  const end = () => stack.close()
  await stack.ping(host)
  if (order.api === 'promises') return { api: new PromiseApi(() => stack.tcp.connect({ host, port, ...tcp })), end }
  const net = createNet(stack, { tcp })
  return { api: new NodeApi(() => net.connect({ host, port })), end }
}

function measure(api: Api, order: Order): Promise<Result> {
  const modes: Readonly<Record<Mode, () => Promise<Result>>> = {
    send: () => bulk((time) => api.send(time), order),
    receive: () => bulk((time) => api.receive(time), order),
    rr: () => requestResponse(api, order),
    awake: () => requestResponse(api, order),
    crr: () => connectRate(api, order),
  }
  return modes[order.mode]()
}

/** Computes for so long, again and again, with a turn of the event loop in between; what it returns ends that. */
function keepBusy(ms: number): () => void {
  let isOver = false
  const compute = (): void => {
    for (const end = performance.now() + ms; performance.now() < end; );
    if (!isOver) setImmediate(compute)
  }
  compute()
  return () => {
    isOver = true
  }
}

const order: Order = JSON.parse(process.argv[2] ?? '{}')
const { api, end } = await begin(order)
const rest = order.busy ? keepBusy(order.busy) : () => undefined
try {
  console.log(JSON.stringify(await measure(api, order)))
} finally {
  rest()
  end()
}
