import type { ReloadReport } from '../../tunnel/reload.ts'
import { type Args, defineCommand } from '../command.ts'
import { Exit } from '../exit.ts'
import type { Io } from '../io.ts'
import { DAEMON_FLAGS, findDaemon } from './find-daemon.ts'

async function run(args: Args<typeof DAEMON_FLAGS>, io: Io): Promise<number> {
  const { output } = io
  const daemon = await findDaemon(args, io)
  const { changes, restart_needed } = await daemon.ask<ReloadReport>('reload', {}, { timeout: 60_000 })
  for (const { kind, name, change, why } of changes) {
    output.print(`${kind} ${name} ${change}${why === undefined ? '' : `: ${why}`}`)
  }
  if (changes.length + restart_needed.length === 0) output.note('nothing has changed')
  for (const setting of restart_needed) output.warn(`${setting} takes effect when the daemon is started again`)
  output.record('reload', { changes, restart_needed })
  return changes.some(({ change }) => change === 'failed') ? Exit.NETWORK : Exit.OK
}

export const reload = defineCommand({
  name: 'reload',
  group: 'Tunnel',
  summary: 'have a running tunnel read its configuration again',
  description: `What has not changed is not touched: its streams go on. Services, paths, users, listeners, limits, the scheduler
and the log's level change at once; what needs a restart is named. A file with mistakes changes nothing. Streams of a service
that goes or changes may end by themselves for as long as drain says. The exit code is 1 when something could not be done.`,
  examples: [
    { command: 'gotcp tunnel reload', says: 'the only daemon that runs here; the same as kill -HUP' },
    { command: 'gotcp tunnel reload -c server.yaml --json', says: 'what has changed, for scripts' },
  ],
  flags: DAEMON_FLAGS,
  run,
})
