import { setTimeout as sleep } from 'node:timers/promises'
import { type Args, defineCommand, type Flags, value } from '../command.ts'
import { Exit } from '../exit.ts'
import { withInterrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { SECONDS } from '../kind.ts'
import { DAEMON_FLAGS, findDaemon } from './find-daemon.ts'

const FLAGS = {
  ...DAEMON_FLAGS,
  drain: value(SECONDS, { summary: "how long open streams may go on (default: the file's drain; 0: not at all)" }),
} satisfies Flags

const LOOK = 100

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { output } = io
  const daemon = await findDaemon(args, io)
  const { open } = await daemon.ask<{ open: number }>(
    'stop',
    args.drain === undefined ? {} : { drain: args.drain * 1000 },
  )
  if (open > 0) output.note(`${open} open; waiting for them to end`)
  return await withInterrupt(io, async ({ signal }) => {
    while (await lives(daemon)) await sleep(LOOK, undefined, { signal })
    output.note('stopped')
    output.record('stop', { open })
    return Exit.OK
  })
}

const lives = (daemon: Awaited<ReturnType<typeof findDaemon>>): Promise<boolean> =>
  daemon.ask('hello').then(
    () => true,
    () => false,
  )

export const stop = defineCommand({
  name: 'stop',
  group: 'Tunnel',
  summary: 'have a running tunnel end, and wait until it has',
  description: 'It takes nothing new, and lets what is open end by itself for a while. Ctrl-C ends only the waiting.',
  examples: [
    { command: 'gotcp tunnel stop', says: 'the only daemon that runs here' },
    { command: 'gotcp tunnel stop -c client.yaml --drain 0', says: 'at once; what is open is reset' },
  ],
  flags: FLAGS,
  run,
})
