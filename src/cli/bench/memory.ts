import { parseIpv4 } from '../../base/address.ts'
import { createStack } from '../../driver/create-stack.ts'
import { Cable } from '../../link/cable.ts'
import type { NetworkArgs } from '../args.ts'
import { UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { type Network, withFaults } from '../network.ts'
import type { Target } from './client-mode.ts'
import { BenchServer } from './engine/server.ts'

const OURS = '10.0.0.1'
const THEIRS = '10.0.0.2'

/** A network without a wire, and whom to measure against in it. */
export interface MemoryNetwork {
  readonly network: Network
  readonly target: Target
}

/** Two stacks of ours on a cable in memory, the other one with a server: needs no permission and no second machine. */
export function openMemory({ link, address, pcap, faults }: NetworkArgs, port: number, io: Io): MemoryNetwork {
  const isWired = link.kind !== 'packet' || link.name !== undefined || address !== undefined || pcap !== undefined
  if (isWired) {
    throw new UsageError('HOST is missing: whom to measure against', 'without a wire, gotcp bench measures in memory')
  }
  const cable = new Cable({ offload: true })
  const [client, server] = [createStack(), createStack()]
  client.addInterface(faults === undefined ? cable.a : withFaults(cable.a, faults, io.output), {
    address: `${OURS}/24`,
  })
  server.addInterface(cable.b, { address: `${THEIRS}/24` })
  const quiet = (): void => undefined
  const bench = new BenchServer({
    host: server,
    port,
    interval: 0,
    once: false,
    echo: true,
    observer: {
      onControl: quiet,
      onStart: quiet,
      onInterval: quiet,
      onEnd: quiet,
      onFailure: quiet,
      onIdle: quiet,
    },
  })
  io.output.note(`no HOST: two of our own stacks on a cable in memory, ${OURS} and ${THEIRS}`)
  const network: Network = {
    host: client,
    interface: 'memory',
    addresses: [OURS],
    lost: new AbortController().signal,
    failure: undefined,
    linger: async () => undefined,
    close: () => {
      client.close()
      void bench.close().then(() => server.close())
    },
  }
  return { network, target: { name: THEIRS, remote: parseIpv4(THEIRS)!, port } }
}
