import { networkArgs } from './args.ts'
import { measureThroughput } from './bench/client-mode.ts'
import { type BenchArgs, checkFlags, FLAGS, readTarget } from './bench/flags.ts'
import { openMemory } from './bench/memory.ts'
import { measureLatency } from './bench/rounds-mode.ts'
import { serve } from './bench/server-mode.ts'
import { defineCommand } from './command.ts'
import { UsageError } from './exit.ts'
import { type Interrupt, withInterrupt } from './interrupt.ts'
import type { Io } from './io.ts'
import { resolveHost } from './network/host-name.ts'
import { type Network, openNetwork } from './network.ts'
import { StateLog } from './tcp/state-log.ts'

async function run(args: BenchArgs, io: Io): Promise<number> {
  checkFlags(args)
  const network = networkArgs(args)
  const target = readTarget(args)
  if (args.server || (args.iperf3 && target === undefined)) {
    if (target !== undefined) throw new UsageError(`unexpected argument "${target.host}"`, '--server measures nobody')
    const opened = await openNetwork(network, io, { verbosity: args.debug })
    return within(opened, args, io, (interrupt) => serve(args, io, opened, interrupt))
  }
  const measure = args.latency || args.connections ? measureLatency : measureThroughput
  if (target === undefined) {
    const memory = openMemory(network, args.port, io)
    return within(memory.network, args, io, (interrupt) => measure(args, io, memory.network, memory.target, interrupt))
  }
  const { host: name, port } = target
  const remote = await resolveHost(name)
  const opened = await openNetwork(network, io, { verbosity: args.debug, toward: remote })
  return within(opened, args, io, (interrupt) => measure(args, io, opened, { name, remote, port }, interrupt))
}

/** Does the work under the rules of a terminal, and closes the network behind it. */
async function within(network: Network, args: BenchArgs, io: Io, work: (interrupt: Interrupt) => Promise<number>) {
  try {
    if (args.debug > 0) {
      const log = await io.log()
      network.host.machine.watcher = new StateLog((line) => log.debug(line))
    }
    return await withInterrupt(io, work)
  } finally {
    network.close()
  }
}

export const command = defineCommand({
  name: 'bench',
  group: 'Transfer',
  summary: 'measure throughput, latency and connections per second, against gotcp or iperf3',
  description: `Throughput speaks iperf3's protocol and prints its table: an iperf3 can be the other end, as client or as
server. gotcp bench --iperf3 without a HOST is a server for iperf3 -c. Mind one flag: -i is the interface here, the time between rows is --interval.
--latency and --connections need a server that sends back what it gets: gotcp bench --server does, on the same port,
and so does any echo server. With --server, options of the test are the client's to choose.
Ctrl-C ends a test with its summary. Exit code 1 means that the server refused, was busy or broke off.`,
  examples: [
    { command: 'gotcp bench', says: 'our stack against itself, in memory: no wire, no permission' },
    { command: 'gotcp bench --server -i eth0', says: 'a server for gotcp bench and for iperf3 -c' },
    { command: 'gotcp bench 172.20.0.3', says: 'ten seconds of TCP there; the other end may be iperf3 -s' },
    { command: 'gotcp bench 172.20.0.3 -R -P 4 -t 5', says: 'four streams from there, five seconds' },
    { command: 'gotcp bench 172.20.0.3 --bidir -n 1G -C bbr', says: 'both ways at once, with BBR' },
    { command: 'gotcp bench 172.20.0.3 -u -b 100M', says: 'datagrams: losses and jitter' },
    { command: 'gotcp bench 172.20.0.3 --latency -l 64', says: 'round trips of 64 bytes, with percentiles' },
    { command: 'gotcp bench 172.20.0.3 --connections -P 8 --json', says: 'connections per second, for a program' },
  ],
  flags: FLAGS,
  positionals: [
    { name: 'HOST', summary: 'whom to measure against, or HOST:PORT; without one, two stacks of ours in memory' },
  ],
  run,
})
