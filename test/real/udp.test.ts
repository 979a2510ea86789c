import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { ATTACHMENTS, attach, KERNEL_ADDRESS } from './attachment.ts'
import { firstLine, labUnavailable } from './netns.ts'

const ECHO = fileURLToPath(new URL('../../app/standard/udp-echo.js', import.meta.url))
const LIMIT = { timeout: 30_000 }
/** The largest goes in fragments both ways. */
const SIZES = [0, 1, 1472, 1473, 20_000]

for (const kind of ATTACHMENTS) {
  describe(`UDP with the kernel, ${kind}`, { skip: labUnavailable() }, () => {
    it('udp-echo sends back what it got, whatever its size', LIMIT, async () => {
      const attachment = attach(kind)
      try {
        await firstLine(attachment.kernel.spawn(process.execPath, ECHO, '-port', '7007'))
        const socket = attachment.stack.udp.open()
        const signal = AbortSignal.timeout(20_000)
        for (const size of SIZES) {
          const data = Uint8Array.from({ length: size }, (_, i) => i * 31)
          await socket.send(data, KERNEL_ADDRESS, 7007)
          const echo = await socket.receive({ signal })
          assert.equal(echo.address, KERNEL_ADDRESS)
          assert.deepEqual(Buffer.from(echo.data), Buffer.from(data))
        }
        socket.close()
      } finally {
        attachment.close()
      }
    })
  })
}
