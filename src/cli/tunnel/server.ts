import { defineCommand } from '../command.ts'
import { RUN_FLAGS, runDaemon } from './run.ts'

export const server = defineCommand({
  name: 'server',
  group: 'Tunnel',
  summary: 'let paths in, and lead their streams to the services of a configuration',
  description: `Runs in the foreground and logs to stderr. SIGHUP reads the configuration again and leaves alone what it does
not change; SIGTERM and Ctrl-C let open streams end, a second one ends at once; SIGUSR1 writes the whole state to the log as
JSON, Ctrl-\\ one line of it.`,
  examples: [
    { command: 'gotcp tunnel server -c server.yaml', says: 'prints what the other side needs to come in' },
    { command: 'gotcp tunnel server -c server.yaml --drain 60', says: 'open streams have a minute after Ctrl-C' },
  ],
  flags: RUN_FLAGS,
  run: (args, io) => runDaemon('server', args, io),
})
