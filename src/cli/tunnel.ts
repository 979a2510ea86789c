import { type Command, defineCommand } from './command.ts'
import { UsageError } from './exit.ts'
import { bench } from './tunnel/bench.ts'
import { check } from './tunnel/check.ts'
import { client } from './tunnel/client.ts'
import { init } from './tunnel/init.ts'
import { passwd } from './tunnel/passwd.ts'
import { paths } from './tunnel/paths.ts'
import { ping } from './tunnel/ping.ts'
import { reload } from './tunnel/reload.ts'
import { server } from './tunnel/server.ts'
import { status } from './tunnel/status.ts'
import { stop } from './tunnel/stop.ts'

/** Each is a file of its own, and begins to work where it is listed here. */
const SUBCOMMANDS: readonly Command[] = [server, client, status, paths, ping, bench, reload, stop, check, init, passwd]

export const command = defineCommand({
  name: 'tunnel',
  group: 'Tunnel',
  summary: 'carry TCP and UDP over several paths at once, encrypted',
  description: `A server and a client, each with a file that says what it does. Paths add up, may go through proxies, and may
fail one by one without a connection noticing. docs/tunnel.md says how to begin, docs/tunnel-config.md what may stand in the
files.`,
  examples: [
    {
      command: 'gotcp tunnel init',
      says: 'write server.yaml and client.yaml, which work on one machine as they stand',
    },
    { command: 'gotcp tunnel check server.yaml', says: 'what it would do, or everything that is wrong with it' },
  ],
  flags: {},
  subcommands: SUBCOMMANDS,
  run() {
    const names = SUBCOMMANDS.map(({ name }) => name).join(', ')
    throw new UsageError(`tunnel needs one of ${names}`, 'gotcp tunnel --help')
  },
})
