import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NETWORK_FLAGS, type NetworkArgs, networkArgs } from '../../src/cli/args.ts'
import { type Command, defineCommand, type Values } from '../../src/cli/command.ts'
import { UsageError } from '../../src/cli/exit.ts'
import { parseArgs } from '../../src/cli/parse.ts'

const command = defineCommand({
  name: 'sample',
  group: 'Network',
  summary: 'try the shared flags',
  examples: [],
  flags: NETWORK_FLAGS,
  run: async () => 0,
}) as Command

const read = async (line: string): Promise<NetworkArgs> =>
  networkArgs((await parseArgs(command, line.split(' ').filter(Boolean))) as unknown as Values<typeof NETWORK_FLAGS>)

describe('networkArgs', () => {
  it('shares the interface of the default route when nothing is said', async () => {
    assert.deepEqual(await read(''), {
      link: { kind: 'packet', name: undefined },
      address: undefined,
      gateway: undefined,
      pcap: undefined,
      faults: undefined,
    })
  })

  it('takes an address of its own on an interface, a TAP or a TUN', async () => {
    const address = { addr: 0x0a000009, prefix: 24 }
    assert.deepEqual((await read('-i eth0 --ip 10.0.0.9/24')).link, { kind: 'packet', name: 'eth0' })
    assert.deepEqual((await read('-tap t0 -ip 10.0.0.9/24')).link, { kind: 'tap', name: 't0' })
    const tun = await read('-tun t0 -ip 10.0.0.9/24 -gateway 10.0.0.1 -pcap -')
    assert.deepEqual(tun.link, { kind: 'tun', name: 't0' })
    assert.deepEqual(tun.address, address)
    assert.equal(tun.gateway, 0x0a000001)
    assert.equal(tun.pcap, '-')
  })

  it('gathers the faults', async () => {
    assert.deepEqual((await read('-loss 5% -delay 20ms -rate 10M -seed 7')).faults, {
      loss: 0.05,
      delay: 20_000,
      reorder: 0,
      duplicate: 0,
      corrupt: 0,
      rate: 1e7,
      seed: 7,
    })
    assert.equal((await read('-seed 7')).faults, undefined)
  })

  it('refuses what contradicts itself, and says the way out', async () => {
    for (const [line, pattern] of [
      ['-i eth0 --tap t0 --ip 10.0.0.1/24', /^-i and --tap exclude each other/],
      ['--tap t0 --tun t1 --ip 10.0.0.1/24', /^--tap and --tun exclude each other/],
      ['--tap t0', /^--tap needs an address of its own/],
      ['--gateway 10.0.0.1', /^--gateway needs --ip$/],
      ['--ip 10.0.0.9/24 --gateway 10.0.1.1', /10\.0\.1\.1 is not on the network of 10\.0\.0\.9\/24$/],
    ] as const) {
      await assert.rejects(read(line), (error) => error instanceof UsageError && pattern.test(error.message), line)
    }
  })
})
