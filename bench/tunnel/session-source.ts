// The client's end of a session, without services: pours streams into the server's service of type bench.
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import type { StreamHost } from '../../src/session/streams/stream-types.ts'
import { TunnelClient } from '../../src/tunnel/client.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import { openLog } from '../../src/tunnel/log.ts'
import { BenchMode } from '../../src/tunnel/services/bench-backend.ts'
import { order } from './ends.ts'
import { POUR_AT_ONCE, pieceAt } from './pour.ts'

/** How often it is looked whether the paths are up, in milliseconds. */
const LOOK = 20

export interface SessionPoured {
  readonly octets: number
  readonly ms: number
  /** What the server says has come, short of what was sent. */
  readonly lost: number
}

function pour(host: StreamHost, ms: number): void {
  const stream = host.openStream({ service: 'bench', target: '', source: '' })
  stream.write(Uint8Array.of(BenchMode.SINK))
  const began = performance.now()
  let octets = 0
  let report = ''
  const fill = (): void => {
    while (performance.now() < began + ms) {
      const goesOn = stream.write(pieceAt(octets))
      octets += POUR_AT_ONCE
      if (!goesOn) return
    }
    stream.end()
  }
  stream.events = {
    onWritable: fill,
    onReadable: () => {
      for (let part = stream.read(); part !== undefined; part = stream.read()) report += new TextDecoder().decode(part)
      if (!stream.isEnded) return
      say({ octets, ms: performance.now() - began, lost: octets - Number(report) } satisfies SessionPoured)
    },
  }
  fill()
}

const config = parseConfig(JSON.stringify(order<object>()), { file: 'bench.yaml' })
if (config.mode !== 'client') throw new Error('this is the client')
const client = new TunnelClient(config, await openLog({ level: 'warn', file: undefined, format: 'text' }))
await client.start()
serveParent(({ ms }: { ms: number }) => pour(client.link.live!.session, ms))
const watch = setInterval(() => {
  if (!client.paths.every(({ state }) => state === 'up')) return
  clearInterval(watch)
  say({})
}, LOOK)
