import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { SessionFlow } from '../../../src/session/streams/stream-types.ts'
import { UdpBackend } from '../../../src/tunnel/services/udp-backend.ts'

describe('UdpBackend', () => {
  it('keeps the latest datagrams of a flow while a name is being found, and not many octets of them', async () => {
    const target = createSocket('udp4')
    target.bind(0, '127.0.0.1')
    await once(target, 'listening')
    const heard: number[] = []
    target.on('message', (bytes) => heard.push(bytes[0]!))
    let found: (addresses: readonly string[]) => void = () => undefined
    const resolve = (): Promise<readonly string[]> => new Promise((tell) => (found = tell))
    const connect = `slow.example:${target.address().port}`
    const backend = new UdpBackend({ name: 'dns', connect, resolve })
    const opening = { service: 'dns', target: '', source: '' }
    const flow: SessionFlow = { ...opening, id: 2, events: {}, send: () => true, close: () => undefined }
    try {
      backend.onFlow(flow)
      for (let i = 1; i <= 10; i++) flow.events.onDatagram?.(Buffer.alloc(20_000, i), 0)
      assert.deepEqual(backend.status().dropped, { 'waiting-too-long': 7 })
      for (let i = 11; i <= 100; i++) flow.events.onDatagram?.(Buffer.alloc(1, i), 0)
      assert.deepEqual(backend.status().dropped, { 'waiting-too-long': 36 })
      found(['127.0.0.1'])
      while (heard.length < 64) await once(target, 'message')
      assert.deepEqual(heard.slice(0, 2), [37, 38])
    } finally {
      await backend.close()
      target.close()
    }
  })
})
