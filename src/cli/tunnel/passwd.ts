import { type Args, defineCommand, type Flags, value } from '../command.ts'
import { Exit, UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { integer } from '../kind.ts'
import { readPassword } from './read-password.ts'

const FLAGS = {
  iterations: value(integer('N', 4096, 10_000_000), {
    summary: 'how hard guessing is made, and how long a client computes once (default: 100000, about 40 ms)',
  }),
} satisfies Flags

async function run(args: Args<typeof FLAGS>, io: Io): Promise<number> {
  const { hashPassword } = await import('../../tunnel/auth/scram-keys.ts')
  const password = await readPassword(io)
  if (password === '') throw new UsageError('the password is empty', 'type one, or: gotcp tunnel passwd < FILE')
  const scram = await hashPassword(password, args.iterations)
  io.output.print(scram)
  io.output.record('password', { scram })
  return Exit.OK
}

export const passwd = defineCommand({
  name: 'passwd',
  group: 'Tunnel',
  summary: 'turn a password into what a server may keep of it',
  description: `Asks for the password without showing it, or takes the first line of stdin. The line that it prints goes behind
"scram:" of a user in the server's file: it proves the password and the server, but nobody can log in with it. It is
SCRAM-SHA-256 in the form of RFC 5803, which PostgreSQL writes, too.`,
  examples: [
    { command: 'gotcp tunnel passwd', says: 'asks twice, prints SCRAM-SHA-256$100000:…' },
    {
      command: 'cat secret | gotcp tunnel passwd --iterations 4096',
      says: 'for clients with little time; less is refused',
    },
  ],
  flags: FLAGS,
  run,
})
