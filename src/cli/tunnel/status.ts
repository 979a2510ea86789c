import { setTimeout as sleep } from 'node:timers/promises'
import { type Args, bool, defineCommand, type Flags } from '../command.ts'
import { Exit } from '../exit.ts'
import { withInterrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { DAEMON_FLAGS, findDaemon } from './find-daemon.ts'
import { statusText } from './status-text.ts'

const FLAGS = {
  ...DAEMON_FLAGS,
  watch: bool({ short: 'w', summary: 'once a second, until Ctrl-C' }),
} satisfies Flags

const PERIOD = 1000

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { output } = io
  const daemon = await findDaemon(args, io)
  const show = async (): Promise<boolean> => {
    const status = await daemon.status()
    for (const line of statusText(status, (style, text) => output.paint(style, text))) output.print(line)
    output.record('status', { ...status })
    return status.mode === 'server' || status.sessions.some(({ state }) => state === 'up')
  }
  if (!args.watch) return (await show()) ? Exit.OK : Exit.NETWORK
  return await withInterrupt(io, async ({ signal }) => {
    for (;;) {
      if (output.color) output.print(CLEAR)
      await show()
      if (!output.color) output.print()
      await sleep(PERIOD, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return Exit.OK
    }
  })
}

/** Cursor home, and nothing behind it. */
const CLEAR = '\x1b[H\x1b[2J'

export const status = defineCommand({
  name: 'status',
  group: 'Tunnel',
  summary: 'say how a running tunnel is: sessions, paths, services',
  description: `In the manner of wg show. Of each path: its state, round trip, what it carries now, its share, what waits, what
was sent once more on another path, why it failed last and when it is tried again. docs/tunnel-operations.md says what each
line means. The exit code is 1 when a client has no path that is up.`,
  examples: [
    { command: 'gotcp tunnel status', says: 'the only daemon that runs here' },
    { command: 'gotcp tunnel status -c client.yaml --watch', says: 'that one, again each second' },
    { command: 'gotcp tunnel status --json', says: 'the same for scripts, every figure raw' },
  ],
  flags: FLAGS,
  run,
})
