import { spawnSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { createLab, firstLine, type Lab, labUnavailable, outputOf } from '../../test/real/netns.ts'
import type { Crew, Member } from './crew.ts'
import { Daemons, type Ground } from './daemons.ts'
import type { Came, Report, Sent, Shower } from './datagrams.ts'
import { type Part, type Plan, progress } from './part.ts'
import { Sheet } from './sheet.ts'

/** What is sent. */
const MBIT = 50
const OCTETS = 1200
const LINES = 3
/** Mbit/s of each of the lines: room for it, and none. */
const ROOMS = { room: 25, 'no room': 12 } as const
/**
 * The token bucket of a line, octets, and what its queue holds, in milliseconds of its rate: less than a socket of the kernel
 * may have there, which would hold its program back instead of losing anything.
 */
const BUCKET = 32_768
const QUEUE_MS = 20
/** What comes this long after the last was sent is lost, in milliseconds. */
const PATIENCE = 1500
const IPERF_PORT = 5201

const LOST = 'lost, %'
const address = (line: number, end: 1 | 2): string => `10.8.${line}.${end}`
/** The line beside the others, which is as fast as all of them together. */
const DIRECT = LINES

/** Gives a line its rate, each way. */
function shape(lab: Lab, line: number, mbit: number): void {
  const limit = Math.round(mbit * 125 * QUEUE_MS)
  const filter = ['tbf', 'rate', `${mbit}mbit`, 'burst', `${BUCKET}`, 'limit', `${limit}`]
  for (const host of ['client', 'server']) {
    lab.host(host).run('tc', 'qdisc', 'replace', 'dev', `line${line}`, 'root', ...filter)
  }
}

function shapeAll(lab: Lab, mbit: number): void {
  for (let line = 0; line < LINES; line++) shape(lab, line, mbit)
  shape(lab, DIRECT, LINES * mbit)
}

interface Target {
  readonly host: string
  readonly port: number
}

class Rain {
  readonly #sender: Member
  readonly #taker: Member

  constructor(sender: Member, taker: Member) {
    this.#sender = sender
    this.#taker = taker
  }

  /** Per cent lost, and ages. */
  async fall({ host, port }: Target, ms: number): Promise<readonly number[]> {
    await this.#taker.ask<Came>({ report: true } satisfies Report)
    const { sent } = await this.#sender.ask<Sent>({ host, port, mbit: MBIT, octets: OCTETS, ms } satisfies Shower)
    await setTimeout(PATIENCE)
    const { came, p50, p99 } = await this.#taker.ask<Came>({ report: true } satisfies Report)
    return [100 * (1 - came / sent), p50, p99]
  }
}

/** Per cent lost as iperf3 counts them. */
async function iperf(crew: Crew, { client }: Ground, ms: number): Promise<number> {
  const seconds = Math.max(1, Math.round(ms / 1000))
  const flags = ['-u', '-b', `${MBIT}M`, '-l', `${OCTETS}`, '-t', `${seconds}`, '-p', `${IPERF_PORT}`, '--json']
  const { end } = JSON.parse(await outputOf(crew.spawn(['iperf3', '-c', '127.0.0.1', ...flags], client)))
  return end.sum.lost_percent
}

/** Datagrams at a constant rate over lines that have room for it, and over lines that have not. */
export const udp: Part = {
  name: 'udp',
  missing: () =>
    labUnavailable() ??
    (spawnSync('tc', ['-V']).error === undefined ? undefined : 'apt-get install iproute2') ??
    (spawnSync('iperf3', ['-v']).error === undefined ? undefined : 'apt-get install iperf3'),
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const lab = createLab({ hosts: ['client', 'server'] })
    try {
      for (let line = 0; line <= LINES; line++) {
        const addresses = { client: `${address(line, 1)}/24`, server: `${address(line, 2)}/24` }
        lab.veth('client', 'server', addresses, { name: `line${line}` })
      }
      return await measureRain(crew, plan, lab)
    } finally {
      await crew.close()
      lab.close()
    }
  },
}

async function measureRain(crew: Crew, plan: Plan, lab: Lab): Promise<Sheet> {
  const ground: Ground = {
    client: lab.host('client'),
    server: lab.host('server'),
    remotes: Array.from({ length: LINES }, (_, line) => address(line, 2)),
  }
  shapeAll(lab, ROOMS.room)
  const { member: taker, said } = await crew.start<{ port: number }>('datagrams', {}, ground.server)
  const { member: sender } = await crew.start('datagrams', {}, ground.client)
  await firstLine(crew.spawn(['iperf3', '-s', '-p', `${IPERF_PORT}`, '--forceflush'], ground.server))
  const iperfPort = { port: IPERF_PORT, listen: IPERF_PORT }
  const services = [
    { name: 'rain', type: 'udp', port: said.port },
    { name: 'iperf', type: 'udp', ...iperfPort },
    { name: 'iperf-control', type: 'tcp', ...iperfPort },
  ] as const
  const daemons = await Daemons.start(crew, { name: 'udp', services, ground })
  const rain = new Rain(sender, taker)
  const direct = { host: address(DIRECT, 2), port: said.port }
  const tunnel = { host: '127.0.0.1', port: daemons.portOf('rain') }
  const sheet = new Sheet(`udp: ${MBIT} Mbit/s of ${OCTETS} octets over ${LINES} lines`, [
    { title: LOST, digits: 3 },
    { title: 'age when it comes, p50, ms', digits: 1 },
    { title: 'p99, ms', digits: 1 },
  ])
  const ms = 5 * plan.ms
  await rain.fall(tunnel, plan.warmUp)
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [room, mbit] of Object.entries(ROOMS)) {
      shapeAll(lab, mbit)
      sheet.add(`${room}: direct, one line of ${LINES * mbit} Mbit/s`, await rain.fall(direct, ms))
      sheet.add(`${room}: daemons, ${LINES} lines of ${mbit}`, await rain.fall(tunnel, ms))
      if (mbit !== ROOMS.room) continue
      sheet.add(`${room}: daemons, iperf3`, [await iperf(crew, ground, ms), Number.NaN, Number.NaN])
    }
    progress(`udp, round ${round} of ${plan.rounds} done`)
  }
  sheet.expect(`room: daemons, ${LINES} lines of ${ROOMS.room}`, LOST, { most: 0.1 })
  sheet.expect('room: daemons, iperf3', LOST, { most: 0.1 })
  return sheet
}
