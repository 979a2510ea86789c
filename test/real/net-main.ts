// Runs in the kernel's namespace of a lab: plays the cases of test/net between node:net there and our stack on a real
// wire, and between node:net and itself; prints what the parties saw, a line of JSON for each case.
import { execFileSync } from 'node:child_process'
import net from 'node:net'
import { parseCidr } from '../../src/base/address.ts'
import { createStack, openPacketLink, openTapLink } from '../../src/index.ts'
import { createNet } from '../../src/net/index.ts'
import { CASES, play } from '../net/cases/all.ts'
import { kernelWorld, type NetLike, type World } from '../net/worlds.ts'

/** What became of one case. */
export interface Played {
  readonly title: string
  readonly expected: unknown
  readonly actual: unknown
}

const [kind, interfaceName = '', netns = ''] = process.argv.slice(2)
const OURS = '10.0.0.1'
const KERNELS = '10.0.0.2'
/** Further addresses of each, where nobody listens. */
const OURS_CLOSED = ['10.0.0.5', '10.0.0.6'] as const
const KERNELS_CLOSED = ['10.0.0.3', '10.0.0.4'] as const

const address = [OURS, ...OURS_CLOSED].map((each) => `${each}/24`)
const addresses = address.map((each) => parseCidr(each)!)
const link =
  kind === 'TAP'
    ? openTapLink({ name: 'gotcp0', kernelAddress: `${KERNELS}/24` })
    : openPacketLink({ interface: interfaceName, netns, addresses })
const stack = createStack()
stack.addInterface(link, { address })
for (const each of KERNELS_CLOSED) execFileSync('ip', ['address', 'add', `${each}/32`, 'dev', 'lo'])
const bound = createNet(stack)
const ours = bound as unknown as NetLike
await stack.ping(KERNELS)

const kernel = kernelWorld()
/** Nobody has its address. */
const common = { silent: '10.0.0.77', silence: async () => undefined, close: () => undefined }
const worlds: readonly World[] = [
  {
    ...common,
    name: 'our client, the kernel serves',
    client: ours,
    server: net,
    connectTls: (options) => bound.connectTls(options),
    adopt: kernel.adopt,
    host: KERNELS,
    local: OURS,
    closed: KERNELS_CLOSED,
  },
  {
    ...common,
    name: 'the kernel is the client, we serve',
    client: net,
    server: ours,
    connectTls: kernel.connectTls,
    adopt: (server) => bound.adopt(server),
    host: OURS,
    local: KERNELS,
    closed: OURS_CLOSED,
  },
]
const failure = (error: unknown): string => `failed: ${error instanceof Error ? error.stack : String(error)}`
for (const world of worlds) {
  for (const [title, run] of Object.values(CASES).flat()) {
    const expected = await play(kernel, run).catch(failure)
    const actual = await play(world, run).catch(failure)
    const played: Played = { title: `${world.name}: ${title}`, expected, actual }
    console.log(JSON.stringify(played))
  }
}
kernel.close()
stack.close()
