import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { outputOf } from '../../test/real/netns.ts'
import { readWrk } from '../wrk.ts'
import { type Crew, freePort } from './crew.ts'
import { Daemons, PATHS } from './daemons.ts'
import { type Part, type Plan, progress } from './part.ts'
import { relaysTo } from './relays.ts'
import { Sheet } from './sheet.ts'

const CONNECTIONS = 100
const TUNNEL = `daemons, ${PATHS} TLS paths`
const RATE = 'requests/s'
const P99 = 'p99, ms'
/** nginx is looked for so often, and so many milliseconds apart. */
const LOOKS = { times: 100, every: 50 } as const

const has = (command: string, flag: string): boolean => spawnSync(command, [flag]).error === undefined

/** One process that answers everything with a few octets, and never closes. */
const CONFIGURATION = (folder: string, port: number): string => `
daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port} backlog=4096; location / { default_type text/plain; return 200 "hello\\n"; } }
}
`

async function serve(crew: Crew): Promise<number> {
  const folder = join(crew.folder, 'nginx')
  mkdirSync(folder)
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, CONFIGURATION(folder, port))
  crew.spawn(['nginx', '-p', folder, '-e', join(folder, 'error.log'), '-c', file])
  for (let look = 0; look < LOOKS.times; look++) {
    if (await answers(port)) return port
    await setTimeout(LOOKS.every)
  }
  throw new Error('nginx does not start')
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** Requests a second, and how long an answer takes. */
async function ask(crew: Crew, port: number, ms: number): Promise<readonly number[]> {
  const flags = ['-t1', `-c${CONNECTIONS}`, `-d${Math.max(1, Math.round(ms / 1000))}s`, '--timeout', '10s', '--latency']
  const { rate, p50, p99, wrong } = readWrk(await outputOf(crew.spawn(['wrk', ...flags, `http://127.0.0.1:${port}/`])))
  if (wrong > 0 || rate === 0) throw new Error(`wrk: ${wrong} of the answers failed, ${rate} requests/s`)
  return [rate!, p50!, p99!]
}

/** HTTP through a service of type tcp. */
export const wrk: Part = {
  name: 'wrk',
  missing: () => {
    const lacks = [...(has('wrk', '--version') ? [] : ['wrk']), ...(has('nginx', '-v') ? [] : ['nginx-light'])]
    return lacks.length === 0 ? undefined : `apt-get install ${lacks.join(' ')}`
  },
  async measure(crew: Crew, plan: Plan): Promise<Sheet> {
    const port = await serve(crew)
    const relays = await relaysTo(crew, port)
    const services = [{ name: 'web', type: 'tcp', port }] as const
    const daemons = await Daemons.start(crew, { name: 'wrk', services })
    const subjects = [
      { title: 'direct', port },
      { title: relays.title, port: relays.port },
      { title: TUNNEL, port: daemons.portOf('web') },
    ]
    const sheet = new Sheet(`wrk: wrk -t1 -c${CONNECTIONS} to nginx with one worker`, [
      { title: RATE, digits: 0, isCompared: true },
      { title: 'p50, ms', digits: 2 },
      { title: P99, digits: 2, isCompared: true },
    ])
    for (const each of subjects) await ask(crew, each.port, plan.warmUp)
    for (let round = 1; round <= plan.rounds; round++) {
      for (const each of subjects) sheet.add(each.title, await ask(crew, each.port, 2 * plan.ms))
      progress(`wrk, round ${round} of ${plan.rounds} done`)
    }
    sheet.expect(TUNNEL, RATE, { least: 25_000 })
    sheet.expect(TUNNEL, P99, { most: 15 })
    return sheet
  },
}
