import { defineCommand } from './command.ts'
import { flatten, loadCommands } from './registry.ts'

export const command = defineCommand({
  name: 'commands',
  group: 'Help',
  summary: 'list every command by name',
  examples: [{ command: 'gotcp commands', says: 'one name a line, for scripts' }],
  flags: {},
  async run(_args, io) {
    for (const { path, command } of flatten(await loadCommands())) {
      io.output.print(path)
      io.output.record('command', { name: path, group: command.group, summary: command.summary })
    }
    return 0
  },
})
