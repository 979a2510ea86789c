import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { ATTACHMENTS, type Attachment, attach, KERNEL_ADDRESS, OUR_ADDRESS } from './attachment.ts'
import { fromEnv } from './exchange.ts'
import { labUnavailable, outputOf } from './netns.ts'

const COUNT = 100
const LIMIT = { timeout: 60_000 }
/** Milliseconds between our requests. */
const INTERVAL = fromEnv('GOTCP_TEST_PING_INTERVAL', 10)

/** The kernel's ping of us. */
const kernelPing = ({ kernel }: Attachment, count: number) =>
  outputOf(kernel.spawn('ping', '-n', '-c', String(count), '-i', '0.01', '-W', '5', OUR_ADDRESS))

/** Makes the kernel forget our MAC address. */
const flush = ({ kernel }: Attachment) => kernel.ip('neigh', 'flush', 'all')

for (const kind of ATTACHMENTS) {
  describe(`ping, ${kind}`, { skip: labUnavailable() }, () => {
    it('of us by the kernel loses none, the first included', LIMIT, async () => {
      const attachment = attach(kind)
      try {
        assert.match(await kernelPing(attachment, COUNT), new RegExp(`${COUNT} packets transmitted, ${COUNT} received`))
        flush(attachment)
        const again = await kernelPing(attachment, 3)
        assert.match(again, /3 packets transmitted, 3 received/)
        assert.match(again, /icmp_seq=1 ttl=64/)
      } finally {
        attachment.close()
      }
    })

    it('of the kernel by us loses none, the first included', LIMIT, async () => {
      const attachment = attach(kind)
      const { stack } = attachment
      try {
        const seqs: number[] = []
        for await (const event of stack.pings(KERNEL_ADDRESS, { count: COUNT, interval: INTERVAL, timeout: 5000 })) {
          if (event.type !== 'reply') continue
          const { seq, bytes, ttl, isDuplicate, isCorrupt, isAltered } = event
          seqs.push(seq)
          assert.deepEqual(
            { bytes, ttl, isDuplicate, isCorrupt, isAltered },
            { bytes: 64, ttl: 64, isDuplicate: false, isCorrupt: false, isAltered: false },
          )
        }
        assert.deepEqual(
          seqs,
          Array.from({ length: COUNT }, (_, i) => i + 1),
        )
        flush(attachment)
        assert.equal((await stack.ping(KERNEL_ADDRESS, { timeout: 5000 })).from, KERNEL_ADDRESS)
      } finally {
        attachment.close()
      }
    })

    it('carries what needs fragments, both ways', LIMIT, async () => {
      const attachment = attach(kind)
      try {
        const { bytes, isAltered } = await attachment.stack.ping(KERNEL_ADDRESS, { size: 20_000, timeout: 5000 })
        assert.deepEqual({ bytes, isAltered }, { bytes: 20_008, isAltered: false })
        const text = await outputOf(
          attachment.kernel.spawn('ping', '-n', '-c', '1', '-s', '20000', '-W', '5', OUR_ADDRESS),
        )
        assert.match(text, /1 packets transmitted, 1 received/)
        assert.match(text, /20008 bytes from/)
      } finally {
        attachment.close()
      }
    })
  })
}
