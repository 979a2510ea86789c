import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { Dialer } from '../../../src/tunnel/services/dial.ts'
import { Pool } from '../../../src/tunnel/services/pool.ts'
import { Backend, until } from './world.ts'

describe('Pool', () => {
  it('does not storm a target that is down', async () => {
    let calls = 0
    let atOnce = 0
    let most = 0
    const dial = async (): Promise<Socket> => {
      most = Math.max(most, ++atOnce)
      calls++
      await new Promise(setImmediate)
      atOnce--
      throw new Error('down')
    }
    const pool = new Pool({ dial } as unknown as Dialer, { count: 5 })
    await until(() => calls >= 5)
    most = 0
    await until(() => calls >= 7)
    assert.equal(await pool.take(), undefined)
    pool.close()
    assert.equal(most, 1)
    // A turn of the event loop each would have made hundreds of them by now.
    assert.ok(calls < 12, String(calls))
  })

  it('does not storm a target that closes what it has just accepted', async () => {
    const backend = await Backend.open((socket) => socket.destroy())
    const dial = (): Promise<Socket> =>
      new Promise((resolve) => {
        const socket = connect(backend.port, '127.0.0.1', () => resolve(socket))
        socket.on('error', () => undefined)
      })
    const pool = new Pool({ dial } as unknown as Dialer, { count: 5 })
    await until(() => backend.accepted >= 7)
    pool.close()
    await backend.close()
    assert.ok(backend.accepted < 12, String(backend.accepted))
  })
})
