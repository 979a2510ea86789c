import { defineCommand } from './command.ts'

export const command = defineCommand({
  name: 'lab',
  group: 'Lab',
  summary: 'make a throw-away network with a real kernel in it',
  examples: [{ command: 'gotcp lab demo', says: 'our stack and the kernel exchange pings and 256 MiB each way' }],
  flags: {},
  async run() {
    return 0
  },
})
