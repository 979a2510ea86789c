import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import type { Played } from './net-main.ts'
import { createLab, labUnavailable } from './netns.ts'

const PROGRAM = join(import.meta.dirname, 'net-main.js')
const LIMIT = { timeout: 120_000 }

for (const kind of ['AF_PACKET', 'TAP'] as const) {
  describe(`gotcp/net and node:net on a real wire, ${kind}`, { skip: labUnavailable() }, () => {
    it('see what node:net and node:net see of one another, case by case', LIMIT, async (t) => {
      const lab = createLab({ hosts: ['ours', 'kernel'] })
      try {
        const isPacket = kind === 'AF_PACKET'
        const name = isPacket ? lab.veth('ours', 'kernel', { ours: undefined, kernel: '10.0.0.2/24' }) : ''
        const child = lab.host('kernel').spawn(process.execPath, PROGRAM, kind, name, lab.host('ours').netns)
        const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
        let count = 0
        for await (const line of createInterface({ input: child.stdout! })) {
          const { title, expected, actual }: Played = JSON.parse(line)
          count++
          await t.test(title, () => assert.deepEqual(actual, expected))
        }
        assert.equal(await ended, 0)
        assert.ok(count >= 120, `${count} cases`)
      } finally {
        lab.close()
      }
    })
  })
}
