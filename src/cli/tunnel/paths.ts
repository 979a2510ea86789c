import { ROLES } from '../../session/records/frame.ts'
import type { PathStatus } from '../../tunnel/status.ts'
import { type Args, defineCommand, type Flags, value } from '../command.ts'
import { Exit, UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { choice, INTERFACE, integer, type Kind, TEXT } from '../kind.ts'
import { formatMs, formatRate } from '../units.ts'
import { DAEMON_FLAGS, findDaemon } from './find-daemon.ts'
import { formatShare, stateWord } from './status-text.ts'

const WEIGHT: Kind<number> = {
  placeholder: 'N',
  expects: 'a number above 0',
  parse: (text) => {
    const weight = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
    return weight > 0 ? weight : undefined
  },
}

const SET = {
  ...DAEMON_FLAGS,
  role: value(choice(...ROLES), { summary: 'what it is for: backup carries only when there are no others' }),
  weight: value(WEIGHT, { summary: 'its share with the scheduler weighted' }),
} satisfies Flags

const ADD = {
  ...SET,
  remote: value({ ...TEXT, placeholder: 'HOST:PORT' }, { summary: 'where the server listens' }),
  proxy: value(
    { ...TEXT, placeholder: 'URL' },
    { summary: 'what to go through: socks5://, http://, https://, tcp://' },
  ),
  connections: value(integer('N', 1, 16), { summary: 'connections side by side, NAME-1, NAME-2 …' }),
  rate: value(
    { ...TEXT, placeholder: 'RATE' },
    { summary: 'bits per second that are sent on it at most, such as 10M' },
  ),
  quota: value(
    { ...TEXT, placeholder: 'AMOUNT' },
    { summary: 'what it may carry, such as 10G/month; then it is a backup' },
  ),
  local: value({ ...TEXT, placeholder: 'ADDR' }, { summary: 'the address to connect from' }),
  interface: value(INTERFACE, { short: 'i', summary: 'the interface to connect through' }),
  via: value(INTERFACE, { summary: 'the interface to connect through by our own stack, at the address --ip' }),
  ip: value({ ...TEXT, placeholder: 'CIDR' }, { summary: 'with --via: our address there, such as 10.0.0.9/24' }),
  gateway: value(
    { ...TEXT, placeholder: 'ADDR' },
    { summary: 'with --via: the router there (default: the server is on the link)' },
  ),
} satisfies Flags

/** The path's `via`, as it would stand in the file. */
function viaOf({ via, ip, gateway }: Args<typeof ADD>) {
  if (via === undefined && (ip ?? gateway) !== undefined) {
    throw new UsageError('--ip and --gateway are of our own stack; give --via IFACE, too')
  }
  if (via !== undefined && ip === undefined) throw new UsageError('--via needs --ip: our address on that interface')
  return via === undefined ? undefined : { interface: via, ip, gateway }
}

const NAME = { name: 'NAME', summary: 'the path, as status names it', required: true } as const

async function list(args: Args<typeof DAEMON_FLAGS>, io: Io): Promise<number> {
  const { output } = io
  const { sessions, mode } = await (await findDaemon(args, io)).status()
  const all = sessions.flatMap(({ user, paths }) => paths.map((path) => ({ user, ...path })))
  const cells = all.map((path) => [
    mode === 'server' ? `${path.user}/${path.name}` : path.name,
    stateWord(path.state),
    path.role,
    path.endpoint,
  ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]!.length)))
  for (const [i, path] of all.entries()) {
    output.print([...cells[i]!.map((cell, column) => cell.padEnd(widths[column]!)), remark(path)].join('  ').trimEnd())
    output.record('path', path)
  }
  if (all.length === 0) output.note('no paths')
  return Exit.OK
}

/** Figures of a path that is up, or why it is not. */
function remark({ state, srtt_ms, rate_in, rate_out, share, last_error }: PathStatus): string {
  if (state !== 'up') return last_error?.message ?? ''
  return `${formatMs(srtt_ms ?? Number.NaN)}, ${formatRate(rate_in)} in, ${formatRate(rate_out)} out, ${formatShare(share)}`
}

const listCommand = defineCommand({
  name: 'list',
  group: 'Tunnel',
  summary: 'one line for each path',
  examples: [{ command: 'gotcp tunnel paths list', says: 'name, state, role, where to, round trip, rates, share' }],
  flags: DAEMON_FLAGS,
  run: list,
})

const add = defineCommand({
  name: 'add',
  group: 'Tunnel',
  summary: 'give a running client one path more, until it ends',
  description: 'What is to stay belongs into the file, and gotcp tunnel reload.',
  examples: [
    { command: 'gotcp tunnel paths add lte --remote vpn.example.org:7000 -i wwan0', says: 'by that interface' },
    {
      command:
        'gotcp tunnel paths add relay --remote vpn.example.org:7000 --proxy socks5://10.0.0.1:1080 --role backup',
      says: 'through a proxy, for when nothing else is left',
    },
    {
      command: 'gotcp tunnel paths add dsl --remote 203.0.113.7:7000 --via eth1 --ip 192.0.2.9/24 --gateway 192.0.2.1',
      says: 'by our own stack on that interface, past all routing tables',
    },
  ],
  flags: ADD,
  positionals: [{ ...NAME, summary: 'what to call it' }],
  async run(args, io) {
    const { remote, role, weight, proxy, connections, rate, quota, local, interface: device } = args
    if (remote === undefined) throw new UsageError('--remote is missing: where the server listens')
    const way = { proxy, connections, rate, quota, local, interface: device, via: viaOf(args) }
    const path = { name: args._[0], remote, role, weight, ...way }
    const daemon = await findDaemon(args, io)
    const { added } = await daemon.ask<{ added: readonly string[] }>('paths-add', { path })
    io.output.note(`${added.join(', ')} added; gotcp tunnel status says how it goes`)
    io.output.record('paths', { added })
    return Exit.OK
  },
})

const remove = defineCommand({
  name: 'remove',
  group: 'Tunnel',
  summary: 'take a path from a running client',
  description: 'In good order: what is on its way arrives, and streams go on by the other paths.',
  examples: [{ command: 'gotcp tunnel paths remove lte', says: 'until the client is started again' }],
  flags: DAEMON_FLAGS,
  positionals: [NAME],
  async run(args, io) {
    const { removed } = await (await findDaemon(args, io)).ask<{ removed: string }>('paths-remove', { name: args._[0] })
    io.output.note(`${removed} removed`)
    io.output.record('paths', { removed })
    return Exit.OK
  },
})

const set = defineCommand({
  name: 'set',
  group: 'Tunnel',
  summary: 'change what a path of a running client is for',
  examples: [
    { command: 'gotcp tunnel paths set lte --role never', says: 'it stays up, and carries nothing' },
    { command: 'gotcp tunnel paths set dsl --weight 3', says: 'three times the share, with the scheduler weighted' },
  ],
  flags: SET,
  positionals: [NAME],
  async run(args, io) {
    const { role, weight } = args
    if (role === undefined && weight === undefined) throw new UsageError('nothing to set; give --role or --weight')
    await (await findDaemon(args, io)).ask('paths-set', { name: args._[0], role, weight })
    io.output.note(`${args._[0]} set`)
    io.output.record('paths', { set: args._[0], role: role ?? null, weight: weight ?? null })
    return Exit.OK
  },
})

export const paths = defineCommand({
  name: 'paths',
  group: 'Tunnel',
  summary: "list, add, remove or change a running tunnel's paths",
  examples: [
    { command: 'gotcp tunnel paths', says: 'one line for each; the same as gotcp tunnel paths list' },
    { command: 'gotcp tunnel paths set lte --role backup', says: 'only when the others are gone' },
  ],
  flags: DAEMON_FLAGS,
  subcommands: [listCommand, add, remove, set],
  run: list,
})
