import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NetError } from '../../src/base/errors.ts'
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
    const dead = new NetError('ECONNREFUSED', 'Cannot reach 127.0.0.1:9')
    for (const at of [0, 1, 2, 59]) problems.tell('web', dead, seconds(at))
    problems.tell('web', new NetError('ETIMEDOUT', 'Cannot reach 127.0.0.1:10'), seconds(1))
    problems.tell('mail', dead, seconds(1))
    for (const at of [60, 119, 120, 180]) problems.tell('web', dead, seconds(at))
    assert.deepEqual(said, [
      [dead.message, { service: 'web' }],
      ['Cannot reach 127.0.0.1:10 (ETIMEDOUT)', { service: 'web' }],
      [dead.message, { service: 'mail' }],
      [dead.message, { service: 'web', more: 3 }],
      [dead.message, { service: 'web', more: 1 }],
      [dead.message, { service: 'web' }],
    ])
  })

  it('says no more of users who try one target after the other', () => {
    const { said, problems } = noted()
    for (let port = 0; port < 10_000; port++) {
      problems.tell('any', new NetError('ECONNREFUSED', `Cannot reach 127.0.0.1:${port}`), seconds(port / 100))
    }
    assert.deepEqual(said, [
      ['Cannot reach 127.0.0.1:0 (ECONNREFUSED)', { service: 'any' }],
      ['Cannot reach 127.0.0.1:6000 (ECONNREFUSED)', { service: 'any', more: 5999 }],
    ])
  })
})
