import type { TcpListener } from '../stack/tcp-listener.ts'
import { CONGESTION_CONTROLS } from '../tcp/congestion/control.ts'
import { NETWORK_FLAGS, networkArgs } from './args.ts'
import { type Args, bool, defineCommand, type Flags, value, valueOr } from './command.ts'
import { Exit, UsageError } from './exit.ts'
import { type Interrupt, withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { BYTES, choice, integer, PERIOD, PORT, SECONDS, TEXT } from './kind.ts'
import { type Network, openNetwork, throwIfLost } from './network.ts'
import { exec } from './tcp/exec.ts'
import { IntervalTable } from './tcp/interval-table.ts'
import { Server } from './tcp/server.ts'
import { echo, type Service, sink, source } from './tcp/service.ts'
import { SOCKET_FLAGS, socketOptions } from './tcp/socket-flags.ts'
import { StateLog } from './tcp/state-log.ts'

const FLAGS = {
  port: value(PORT, { summary: 'the port to listen on' }),
  echo: bool({ summary: 'send back what comes; the default' }),
  sink: bool({ summary: 'take everything and say nothing' }),
  source: bool({ summary: 'send made-up bytes, --bytes of them or without end' }),
  bytes: value(BYTES, { summary: 'how much --source sends on each connection' }),
  exec: value({ ...TEXT, placeholder: 'CMD' }, { summary: 'run CMD in a shell for each connection, joined to it' }),
  once: bool({ summary: 'serve one connection, then end' }),
  'max-conns': value(integer('N', 1), { summary: 'serve so many at once; others wait in the queue' }),
  backlog: value(integer('N', 1, 65535), { summary: 'how many may wait in the queue (default 511)' }),
  cc: value(choice(...CONGESTION_CONTROLS), { summary: 'congestion control of what we send (default: cubic)' }),
  fastopen: value(integer('QLEN', 1, 65535), {
    summary: 'TCP Fast Open: take data with the SYN, on so many connections that are not confirmed yet',
  }),
  ...SOCKET_FLAGS,
  interval: value(PERIOD, {
    summary: 'print what passed on each connection every so often (default: 1 on a terminal with --sink or --source)',
  }),
  drain: valueOr(SECONDS, 10, { summary: 'how long open connections may go on after Ctrl-C' }),
  ...NETWORK_FLAGS,
} satisfies Flags

const NO_LIMIT = Number.POSITIVE_INFINITY

type ServerArgs = Args<typeof FLAGS>
type Mode = 'echo' | 'sink' | 'source' | 'exec'

function readMode(args: ServerArgs): Mode {
  const modes = (['echo', 'sink', 'source', 'exec'] as const).filter((mode) => args[mode])
  if (modes.length > 1) throw new UsageError(`${modes.map((m) => `--${m}`).join(' and ')} exclude each other`)
  if (args.bytes !== undefined && modes[0] !== 'source') throw new UsageError('--bytes needs --source')
  return modes[0] ?? 'echo'
}

function readPort({ port, _: [word] }: ServerArgs): number {
  const text = port === undefined ? word : String(port)
  if (text === undefined) throw new UsageError('PORT is missing: where to listen', 'try: gotcp tcpserver -port 8888')
  if (port !== undefined && word !== undefined) throw new UsageError(`two ports: ${port} and ${word}`)
  const found = PORT.parse(text)
  if (found === undefined) throw new UsageError(`"${text}" is not ${PORT.expects}`)
  return found
}

const serviceOf = (mode: Mode, { bytes, exec: command }: ServerArgs): Service =>
  ({
    echo: () => echo,
    sink: () => sink,
    source: () => source(bytes ?? NO_LIMIT),
    exec: () => exec(command!),
  })[mode]()

/** What to type on the other side, for each way of serving. */
const INVITATIONS: Readonly<Record<Mode, (address: string, port: number) => readonly string[]>> = {
  echo: (address, port) => [`gotcp tcpclient -addr ${address} -port ${port}`, `nc ${address} ${port}`],
  exec: (address, port) => [`gotcp tcpclient -addr ${address} -port ${port}`, `nc ${address} ${port}`],
  sink: (address, port) => [
    `gotcp tcpclient -addr ${address} -port ${port} --bytes 1G`,
    `head -c 1G /dev/zero | nc -N ${address} ${port}`,
  ],
  source: (address, port) => [
    `gotcp tcpclient -addr ${address} -port ${port} --recv /dev/null`,
    `nc ${address} ${port} > /dev/null`,
  ],
}

function announce(io: Io, network: Network, listener: TcpListener, mode: Mode): void {
  const { output } = io
  const port = listener.localPort
  for (const address of network.addresses) output.note(`listening on ${address}:${port} (${network.interface})`)
  output.note('try from the other side:')
  for (const line of INVITATIONS[mode](network.addresses[0]!, port)) output.note(`  ${line}`)
  output.record('listening', { addresses: network.addresses, port, interface: network.interface, mode })
}

async function serve(args: ServerArgs, mode: Mode, port: number, io: Io, network: Network, interrupt: Interrupt) {
  const { output } = io
  const { signal } = interrupt
  const { backlog, cc, fastopen } = args
  const listener = network.host.tcp.listen({
    port,
    ...socketOptions(args),
    ...(backlog === undefined ? {} : { backlog }),
    ...(cc === undefined ? {} : { congestion: cc }),
    ...(fastopen === undefined ? {} : { fastOpen: fastopen }),
  })
  const server = new Server(
    listener,
    serviceOf(mode, args),
    { once: args.once, most: args['max-conns'] ?? NO_LIMIT, linger: args.linger },
    output,
  )
  interrupt.onStatus(() => server.status)
  interrupt.onLeave(() => network.close())
  signal.addEventListener('abort', () => listener.close(), { once: true })
  announce(io, network, listener, mode)
  const every = args.interval ?? (output.interactive && (mode === 'sink' || mode === 'source') ? 1 : 0)
  const table = every > 0 ? new IntervalTable(output, server.connections, every) : undefined
  try {
    await server.accept()
    if (signal.aborted && server.connections.size > 0) {
      output.note(
        `${server.connections.size} open; they may go on for ${args.drain} s, and Ctrl-C again resets them now`,
      )
      await server.drain(args.drain)
    } else await Promise.race([server.served(), aborted(signal).then(() => server.drain(args.drain))])
  } finally {
    table?.stop()
  }
  server.summarize()
  throwIfLost(network)
  await network.linger()
  return Exit.OK
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

async function run(args: ServerArgs, io: Io): Promise<number> {
  const mode = readMode(args)
  const port = readPort(args)
  const network = await openNetwork(networkArgs(args), io, { verbosity: args.debug })
  try {
    if (args.debug > 0) {
      const log = await io.log()
      network.host.machine.watcher = new StateLog((line) => log.debug(line))
    }
    return await withInterrupt(io, (interrupt) => serve(args, mode, port, io, network, interrupt))
  } finally {
    network.close()
  }
}

export const command = defineCommand({
  name: 'tcpserver',
  group: 'Transfer',
  summary: 'serve a TCP port on our own stack: echo, sink, source or a command',
  description: `Each connection gets a line when it opens and one when it ends, with what was read and written, how long it
took and how fast it was. Ctrl-C stops accepting and lets open connections go on for --drain seconds; a second
one resets them. A command of --exec, with all it started, ends when its connection is reset and when the server ends,
however that ends; only what left its process group lives on.`,
  examples: [
    { command: 'gotcp tcpserver -port 8888', says: 'echo on the address of the default interface' },
    { command: 'gotcp tcpserver -i eth0 -port 8888 --sink', says: 'take what comes, with a table of what passes' },
    { command: 'gotcp tcpserver 8888 --source --bytes 100M --once', says: 'give one visitor 100 MiB, then end' },
    { command: "gotcp tcpserver 8888 --exec 'tr a-z A-Z'", says: 'join each connection to a command' },
    { command: 'gotcp tcpserver 8888 --tap gotcp0 --ip 10.9.0.2/24', says: 'a server for this very kernel' },
  ],
  flags: FLAGS,
  positionals: [{ name: 'PORT', summary: 'where to listen; -port names it as well' }],
  run,
})
