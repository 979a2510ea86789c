import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Micros } from '../../src/base/types.ts'
import { type LogFields, silent } from '../../src/tunnel/log.ts'
import { ProblemLog } from '../../src/tunnel/problem-log.ts'

const seconds = (count: number): Micros => (count * 1_000_000) as Micros

function noted() {
  const said: [message: string, fields: LogFields | undefined][] = []
  return { said, problems: new ProblemLog({ ...silent, warn: (message, fields) => void said.push([message, fields]) }) }
}

describe('ProblemLog', () => {
  it('says the same once a minute, and how often it happened meanwhile', () => {
    const { said, problems } = noted()
    const dead = new Error('Cannot reach 127.0.0.1:9')
    for (const at of [0, 1, 2, 59]) problems.tell('web', dead, seconds(at))
    problems.tell('web', new Error('Cannot reach 127.0.0.1:10'), seconds(1))
    problems.tell('mail', dead, seconds(1))
    for (const at of [60, 119, 120, 180]) problems.tell('web', dead, seconds(at))
    assert.deepEqual(said, [
      [dead.message, { service: 'web' }],
      ['Cannot reach 127.0.0.1:10', { service: 'web' }],
      [dead.message, { service: 'mail' }],
      [dead.message, { service: 'web', more: 3 }],
      [dead.message, { service: 'web', more: 1 }],
      [dead.message, { service: 'web' }],
    ])
  })

  it('forgets the oldest of very many', () => {
    const { said, problems } = noted()
    for (let i = 0; i <= 256; i++) problems.tell('any', new Error(`Cannot reach 127.0.0.1:${i}`), seconds(0))
    for (const port of [256, 1, 0]) problems.tell('any', new Error(`Cannot reach 127.0.0.1:${port}`), seconds(1))
    assert.equal(said.length, 258)
    assert.match(said.at(-1)![0], /:0$/)
  })
})
