import { DEFAULT_LAB, HOST_NAMES } from '../lab/topology.ts'
import { defineCommand, type Flags, valueOr } from './command.ts'
import { Exit, UsageError } from './exit.ts'
import type { Io } from './io.ts'
import type { Kind } from './kind.ts'
import { command as demo } from './lab-demo.ts'
import { command as tunnel } from './lab-tunnel.ts'

const NAME: Kind<string> = {
  placeholder: 'NAME',
  expects: 'a name of letters, digits and dashes',
  parse: (text) => (/^[a-z0-9][a-z0-9-]{0,31}$/i.test(text) ? text : undefined),
}
const FLAGS = {
  name: valueOr(NAME, DEFAULT_LAB, { summary: 'which lab, for more than one at a time' }),
} satisfies Flags

/** What is done with a lab, and where it is written down; loaded only when it is wanted. */
async function openStore(name: string, io: Io) {
  const [session, { LabStore }] = await Promise.all([import('../lab/session.ts'), import('../lab/store.ts')])
  return { ...session, store: new LabStore(name, io.env) }
}

const up = defineCommand({
  name: 'up',
  group: 'Lab',
  summary: 'make the lab: node1 and node2 on one cable',
  examples: [
    { command: 'gotcp lab up', says: 'node1 is 172.20.0.2, node2 is 172.20.0.3; a second time changes nothing' },
  ],
  flags: FLAGS,
  async run(args, io) {
    const { labUp, store } = await openStore(args.name, io)
    const { lab, isNew } = await labUp(store)
    for (const { name, address, namespace } of lab.hosts) {
      io.output.print(`${name}  ${address}  eth0`)
      io.output.record('host', { name, address: address ?? null, pid: namespace.pid, up: true })
    }
    io.output.note(
      isNew
        ? `the lab is up; try: gotcp lab exec${store.flag} node1 gotcp ping -i eth0 -dest 172.20.0.3`
        : 'the lab was up already',
    )
    return Exit.OK
  },
})

const exec = defineCommand({
  name: 'exec',
  group: 'Lab',
  summary: 'run a program on a host of the lab',
  description:
    'Everything behind HOST is the command line; its exit code is ours. On a host, gotcp is this very gotcp.',
  examples: [
    {
      command: 'gotcp lab exec node1 gotcp ping -i eth0 -dest 172.20.0.3',
      says: 'our stack pings the kernel of node2',
    },
    { command: 'gotcp lab exec node2 gotcp dump -n -i eth0', says: 'watch it from the other side' },
  ],
  flags: FLAGS,
  positionals: [
    { name: 'HOST', summary: 'node1 or node2', required: true, choices: HOST_NAMES },
    { name: 'CMD', summary: 'the program and its arguments', required: true, variadic: true },
  ],
  passthrough: true,
  async run(args, io) {
    const { labExec, store } = await openStore(args.name, io)
    const [host = '', ...argv] = args._
    if (argv[0]!.startsWith('-')) {
      throw new UsageError(`"${argv[0]}" is no program`, `flags go before HOST: gotcp lab exec ${argv[0]} … ${host} …`)
    }
    return labExec(store, host, argv)
  },
})

const status = defineCommand({
  name: 'status',
  group: 'Lab',
  summary: 'say whether the lab is up, and where its hosts are',
  examples: [{ command: 'gotcp lab status', says: 'one line for each host; exit code 1 when the lab is not up' }],
  flags: FLAGS,
  async run(args, io) {
    const { labStatus, store } = await openStore(args.name, io)
    const hosts = labStatus(store)
    for (const { name, address, pid, isUp } of hosts) {
      io.output.print(`${name}  ${address}  ${isUp ? `up, namespace of process ${pid}` : 'gone'}`)
      io.output.record('host', { name, address: address ?? null, pid, up: isUp })
    }
    const isUp = hosts.length > 0 && hosts.every((host) => host.isUp)
    if (!isUp) io.output.note(`the lab is not up; run: gotcp lab up${store.flag}`)
    return isUp ? Exit.OK : Exit.NETWORK
  },
})

const down = defineCommand({
  name: 'down',
  group: 'Lab',
  summary: 'remove the lab and all that runs in it',
  examples: [{ command: 'gotcp lab down', says: 'nothing of it is left; harmless when there is none' }],
  flags: FLAGS,
  async run(args, io) {
    const { labDown, store } = await openStore(args.name, io)
    io.output.note(labDown(store) ? 'the lab is gone' : 'there was no lab')
    return Exit.OK
  },
})

export const command = defineCommand({
  name: 'lab',
  group: 'Lab',
  summary: 'make a throw-away network with a real kernel in it',
  description:
    'Two hosts joined by one cable: node1 (172.20.0.2), where our stack runs, and node2 (172.20.0.3), a plain Linux ' +
    'kernel.\nThey are network namespaces; as root they are made directly, otherwise inside a user namespace. This ' +
    "machine's\nown interfaces are never touched.",
  examples: [
    { command: 'gotcp lab demo', says: 'see it all work' },
    { command: 'gotcp lab tunnel', says: 'see several lines carry one stream' },
    { command: 'gotcp lab up', says: 'make the two hosts' },
    { command: 'gotcp lab exec node1 gotcp ping -i eth0 -dest 172.20.0.3', says: 'use them' },
    { command: 'gotcp lab down', says: 'remove them' },
  ],
  flags: {},
  subcommands: [demo, tunnel, up, exec, status, down],
  run() {
    throw new UsageError('lab needs one of demo, tunnel, up, exec, status, down', 'gotcp lab --help')
  },
})
