import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Micros } from '../../src/base/types.ts'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable } from '../../src/link/cable.ts'
import type { InFrame } from '../../src/link/link.ts'
import { LinkWrapper } from '../../src/link/wrapper.ts'

/** Counts how often the stack looks for frames. */
class CountedLink extends LinkWrapper {
  polls = 0

  override receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    this.polls++
    super.receive(now, onFrame)
  }
}

class DescriptorLink extends CountedLink {
  override get descriptor(): number {
    return 3
  }
}

describe('createStack()', () => {
  it('polls at once when a descriptor has frames, and never inside the send of another stack on a cable', () => {
    for (const [Kind, isAtOnce] of [
      [CountedLink, false],
      [DescriptorLink, true],
    ] as const) {
      const host = createStack()
      const link = new Kind(new Cable().a)
      host.addInterface(link, { address: '10.0.0.1/24' })
      const before = link.polls
      link.onWake?.()
      assert.equal(link.polls > before, isAtOnce)
      host.close()
    }
  })

  it('keeps the event loop awake for `spin` after frames came, and not without', async () => {
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
    const isAwake = (): boolean => process.getActiveResourcesInfo().includes('Immediate')
    for (const spin of [0, 50_000]) {
      const host = createStack({ spin })
      const link = new DescriptorLink(new Cable().a)
      host.addInterface(link, { address: '10.0.0.1/24' })
      while (isAwake()) await turn()
      link.onWake?.()
      assert.equal(isAwake(), spin > 0)
      while (isAwake()) await turn()
      host.close()
    }
    assert.throws(() => createStack({ spin: -1 }), { name: 'RangeError' })
  })

  it('sends what its user says at once with the acknowledgment that opens the connection', async () => {
    const cable = new Cable()
    const [a, b] = [createStack(), createStack()]
    a.addInterface(cable.a, { address: '10.0.0.1/24' })
    b.addInterface(cable.b, { address: '10.0.0.2/24' })
    const listener = b.tcp.listen({ port: 7 })
    for (const [says, segments] of [
      ['hello', 2],
      ['', 2],
    ] as const) {
      const client = await a.tcp.connect({ host: '10.0.0.2', port: 7 })
      if (says !== '') await client.write(says)
      const server = await listener.accept()
      if (says !== '') assert.equal((await server?.read())?.length, says.length)
      // A SYN, and one more: the words, or the acknowledgment alone.
      assert.equal(client.info().segs_out, segments)
    }
    a.close()
    b.close()
  })

  it('lets two stacks on a cable in memory speak with each other', async () => {
    const cable = new Cable()
    const [a, b] = [createStack(), createStack()]
    a.addInterface(cable.a, { address: '10.0.0.1/24' })
    b.addInterface(cable.b, { address: '10.0.0.2/24' })
    const listener = b.tcp.listen({ port: 80 })
    const [client, server] = await Promise.all([a.tcp.connect({ host: '10.0.0.2', port: 80 }), listener.accept()])
    await client.write('hello')
    assert.equal(Buffer.from((await server.read())!).toString(), 'hello')
    a.close()
    b.close()
  })
})
