import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { ATTACHMENTS, type AttachOptions, attach, KERNEL_ADDRESS } from './attachment.ts'
import { asClient, asServer, fromEnv, MIB } from './exchange.ts'
import { type LabHost, labUnavailable } from './netns.ts'

const AMOUNT = fromEnv('GOTCP_TEST_PATH_MIB', 8) * MIB
const LIMIT = { timeout: 60_000 }

/** What differs from the ordinary path, and what must show in `info()` so that the case is known to be the case. */
const CASES: Readonly<Record<string, AttachOptions & { readonly expect?: object }>> = {
  'an MTU of 1400': { mtu: 1400, expect: { mss: 1348 } },
  'an MTU of 9000': { mtu: 9000, expect: { mss: 8948 } },
  'the minimum MTU of 576': { mtu: 576, expect: { mss: 524 } },
  'plain frames, without virtio-net headers': { offload: false },
  'plain frames and an MTU of 9000': { offload: false, mtu: 9000 },
  'a kernel without segmentation offload': { prepare: withoutOffload },
  'plain frames at both ends': { offload: false, prepare: withoutOffload },
  'a kernel without timestamps': { prepare: without('ipv4.tcp_timestamps'), expect: { ts: false, mss: 1460 } },
  'a kernel without selective acknowledgements': { prepare: without('ipv4.tcp_sack'), expect: { sack: false } },
  'a kernel without window scaling': { prepare: without('ipv4.tcp_window_scaling'), expect: { wscale: [0, 0] } },
}

function without(name: string) {
  return (kernel: LabHost) => kernel.sysctl(name, 0)
}

function withoutOffload(kernel: LabHost): void {
  const name = kernel.ip('-br', 'link').includes('gotcp0') ? 'gotcp0' : 'eth0'
  kernel.run('ethtool', '-K', name, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off')
}

for (const [name, { expect = {}, ...options }] of Object.entries(CASES)) {
  describe(`a transfer over ${name}`, { skip: labUnavailable() }, () => {
    for (const kind of ATTACHMENTS) {
      it(`arrives byte by byte, ${kind}`, LIMIT, async () => {
        const attachment = attach(kind, options)
        try {
          const { port } = await attachment.peer.listen({ send: 0, end: 'last' })
          const socket = await attachment.stack.tcp.connect({ host: KERNEL_ADDRESS, port })
          const info = socket.info()
          const seen = Object.fromEntries(Object.entries(info).filter(([field]) => field in expect))
          assert.deepEqual(seen, expect)
          await socket.close()
          await asClient(attachment, { up: AMOUNT, down: 0 })
          await asServer(attachment, { up: 0, down: AMOUNT })
          await asServer(attachment, { up: AMOUNT, down: AMOUNT })
        } finally {
          attachment.close()
        }
      })
    }
  })
}
