import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { NetError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { FaultLink } from '../../src/link/fault.ts'
import type { Link } from '../../src/link/link.ts'
import { Host } from '../../src/stack/host.ts'
import { Simulation } from '../../src/stack/simulate.ts'

const LIMIT = fromMs(120_000)
const GONE = new NetError('ENODEV', 'Cannot use eth0: it was removed')
const DOWN = new NetError('ENETDOWN', 'Cannot use eth0: it is down')

/** Two hosts on two cables; the first host's end of the first cable is in `link`. */
async function connected() {
  const cables = [new Cable({ delay: fromMs(1) }), new Cable({ delay: fromMs(1) })]
  const [a, b] = [new Host({ rng: seededRng(1) }), new Host({ rng: seededRng(2) })]
  const link: Link = new FaultLink(cables[0]!.a)
  a.addInterface(link, { address: '10.0.0.1/24' })
  a.addInterface(cables[1]!.a, { address: '10.0.1.1/24' })
  b.addInterface(cables[0]!.b, { address: '10.0.0.2/24' })
  b.addInterface(cables[1]!.b, { address: '10.0.1.2/24' })
  const simulation = new Simulation([a.stack, b.stack])
  b.tcp.listen({ port: 80 })
  const connect = (host: string) => simulation.runUntilSettled(a.tcp.connect({ host, port: 80 }), LIMIT)
  return { a, link, simulation, over: await connect('10.0.0.2'), beside: await connect('10.0.1.2') }
}

describe('Stack.onInterfaceError', () => {
  it('tells of an interface that is gone, removes it, and ends only what used it', async () => {
    const { a, link, simulation, over, beside } = await connected()
    const told: string[] = []
    a.stack.onInterfaceError = (iface, error) => told.push(`${iface.name} ${error.code}`)
    const reading = assert.rejects(over.read(), { code: 'ENODEV', message: /the interface it used is gone/ })
    const before = a.stack.interfaces.length
    link.onError?.(GONE)
    assert.equal(a.stack.interfaces.length, before, 'in the middle of a poll nothing may be removed')
    await simulation.runUntilSettled(reading, LIMIT)
    await assert.rejects(over.closed, { code: 'ENODEV' })
    assert.deepEqual(told, [`${link.name} ENODEV`])
    assert.equal(a.stack.interfaces.length, before - 1)
    await assert.rejects(a.tcp.connect({ host: '10.0.0.2', port: 80 }), { code: 'ENETUNREACH' })
    await simulation.runUntilSettled(beside.write('still here'), LIMIT)
    assert.equal(beside.info().state, 'ESTABLISHED')
    assert.equal(a.machine.size, 1)
  })

  it('removes one that fails while it is read with the next poll, which it asks for', async () => {
    const { a, link } = await connected()
    const before = a.stack.interfaces.length
    const { receive } = link
    link.receive = (now, onFrame) => {
      link.receive = receive
      link.receive(now, onFrame)
      link.onError?.(GONE)
    }
    const now = a.stack.now
    a.stack.poll(now)
    assert.equal(a.stack.interfaces.length, before)
    assert.equal(a.stack.pollAt(), now)
    a.stack.poll(now)
    assert.equal(a.stack.interfaces.length, before - 1)
  })

  it('tells of an interface that is down, and lets connections wait', async () => {
    const { a, link, simulation, over } = await connected()
    const told: string[] = []
    a.stack.onInterfaceError = (_, error) => told.push(error.code)
    link.onError?.(DOWN)
    simulation.run(fromMs(5000))
    assert.deepEqual(told, ['ENETDOWN'])
    assert.equal(over.info().state, 'ESTABLISHED')
    await simulation.runUntilSettled(over.write('hello'), LIMIT)
  })
})

describe('Stack.removeInterface()', () => {
  it('ends the connections that used it', async () => {
    const { a, simulation, over, beside } = await connected()
    const reading = assert.rejects(over.read(), { code: 'ENODEV', message: /the interface it used is gone/ })
    a.stack.removeInterface(a.stack.interfaces[1]!)
    await simulation.runUntilSettled(reading, LIMIT)
    assert.equal(beside.info().state, 'ESTABLISHED')
    assert.equal(a.machine.size, 1)
  })
})
