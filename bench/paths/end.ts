// One end of a tunnel, as a process of its own: reads its configuration as JSON (which is YAML) from the command line.

import { TunnelClient } from '../../src/tunnel/client.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import { openLog } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'

const config = parseConfig(process.argv[2]!, { file: 'bench.yaml' })
const log = await openLog({ level: 'warn', file: undefined, format: 'text' })
if (config.mode === 'server') {
  await new TunnelServer(config, log).start()
  console.log('ready')
} else {
  const client = new TunnelClient(config, log)
  await client.start()
  const watch = setInterval(() => {
    if (!client.paths.every(({ state }) => state === 'up')) return
    clearInterval(watch)
    console.log('ready')
  }, 20)
  process.on('SIGUSR2', () => {
    for (const { name, state, path } of client.paths) {
      if (path === undefined) console.error(name, state)
      else {
        const { estimator: e, counters, inFlight } = path
        console.error(
          name,
          state,
          `rate ${((e.rate * 8) / 1e6).toFixed(1)} min ${(e.minRtt / 1000).toFixed(1)} srtt ${(e.srtt / 1000).toFixed(1)} var ${(e.rttvar / 1000).toFixed(1)} flight ${inFlight} cap ${Math.round(e.cap((performance.now() * 1000) as never))} out ${counters.octetsOut} again ${counters.reinjected} stalls ${counters.stalls}`,
          JSON.stringify(client.link.live?.info(path)),
        )
      }
    }
  })
}
