import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import type { Micros } from '../../src/base/types.ts'
import { Alarm } from '../../src/driver/alarm.ts'
import { clock } from '../../src/driver/clock.ts'

const after = (micros: number): Micros => (clock() + micros) as Micros

describe('Alarm', () => {
  it('rings once, and not before its time', async () => {
    let rung = 0
    const due = after(1500)
    const at = await new Promise<Micros>((resolve) => {
      const alarm = new Alarm(() => {
        rung++
        setTimeout(() => {
          alarm.close()
          resolve(clock())
        }, 5)
      })
      alarm.setBy(due, clock())
    })
    assert.ok(at >= due)
    assert.equal(rung, 1)
  })

  it('may be set again while it rings, and follows the earlier of two times', async () => {
    const rings: number[] = []
    const begin = clock()
    await new Promise<void>((resolve) => {
      const alarm = new Alarm(() => {
        rings.push(clock())
        if (rings.length === 3) {
          alarm.close()
          resolve()
        } else alarm.setBy(after(200), clock())
      })
      alarm.setBy(after(3_600_000_000), clock())
      alarm.setBy(after(200), clock())
      alarm.setBy(after(400), clock())
    })
    assert.ok(rings.every((at, i) => at >= begin + 200 * (i + 1)))
  })

  it('keeps a process alive while it is set, and no longer', () => {
    const module = JSON.stringify(new URL('../../src/driver/alarm.js', import.meta.url).href)
    const script = `import(${module}).then(({ Alarm }) => {
      const now = Math.floor(performance.now() * 1000)
      new Alarm(() => console.log('never set'))
      new Alarm(() => console.log('rang')).setBy(now + 20_000, now)
    })`
    assert.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20_000 }), 'rang\n')
  })
})
