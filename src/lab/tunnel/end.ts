// One end of the tunnel, as `gotcp tunnel server` or `gotcp tunnel client` would be it, with a configuration from its parent.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TunnelClient } from '../../tunnel/client.ts'
import { parseConfig } from '../../tunnel/config/parse.ts'
import { openLog } from '../../tunnel/log.ts'
import { TunnelServer } from '../../tunnel/server.ts'
import { fail, say, serveParent } from './child.ts'
import type { EndOrder, EndSettings } from './messages.ts'

/** How often it is looked whether the paths are up, in milliseconds. */
const LOOK = 20

/** As often it is tried to remove what it keeps: a file that is being written just then can come in between. */
const ATTEMPTS = 5

/** What it keeps is gone with it, however its parent ends. */
const state = mkdtempSync(join(tmpdir(), 'gotcp-lab-tunnel-'))
process.once('exit', () => {
  for (let left = ATTEMPTS; left > 0 && existsSync(state); left--) {
    try {
      rmSync(state, { recursive: true, force: true })
    } catch (error) {
      if (left === 1) throw error
    }
  }
})
process.once('SIGTERM', () => process.exit(0))

let client: TunnelClient | undefined

/** A path that breaks is what this is about: only what must not be is said. */
async function start(settings: EndSettings): Promise<void> {
  const config = parseConfig(JSON.stringify({ ...settings, state }), { file: 'lab.yaml' })
  const log = await openLog({ level: 'error', file: undefined, format: 'text' })
  if (config.mode === 'server') {
    await new TunnelServer(config, log).start()
    say('ready')
  } else await startClient(new TunnelClient(config, log))
}

async function startClient(started: TunnelClient): Promise<void> {
  await started.start()
  client = started
  const watch = setInterval(() => {
    if (!started.paths.every(({ state }) => state === 'up')) return
    clearInterval(watch)
    say('ready')
  }, LOOK)
}

serveParent((order: EndOrder) => {
  if ('settings' in order) start(order.settings).catch(fail)
  else {
    for (const path of client?.paths ?? []) path.setRole(order.use.includes(path.name) ? 'primary' : 'never')
    say({ used: order.use.length })
  }
})
