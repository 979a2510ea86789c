import { defineCommand } from '../command.ts'
import { RUN_FLAGS, runDaemon } from './run.ts'

export const client = defineCommand({
  name: 'client',
  group: 'Tunnel',
  summary: 'keep paths to a server, and lead what connects here through them',
  description: `Runs in the foreground and logs to stderr. Whatever befalls a path is tried again; only when the server knows
neither user nor password at the very beginning it ends, with code 1. Signals are as for gotcp tunnel server.`,
  examples: [
    { command: 'gotcp tunnel client -c client.yaml', says: 'connects, and says where it listens' },
    { command: 'gotcp tunnel status', says: 'how its paths are, from another terminal' },
  ],
  flags: RUN_FLAGS,
  run: (args, io) => runDaemon('client', args, io),
})
