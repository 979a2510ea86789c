import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable } from '../../src/link/cable.ts'
import { LinkWrapper } from '../../src/link/wrapper.ts'

const MIB = 1024 * 1024
const ROOM = 200_000

class NarrowLink extends LinkWrapper {
  override get room(): number {
    return ROOM
  }
}

/** The largest window that a reader offers while so much comes over a link. */
async function windowOver(wrap: (link: Cable['b']) => Cable['b'] | NarrowLink): Promise<number> {
  const cable = new Cable({ offload: true })
  const [a, b] = [createStack(), createStack()]
  a.addInterface(cable.a, { address: '10.0.0.1/24' })
  b.addInterface(wrap(cable.b), { address: '10.0.0.2/24' })
  const listener = b.tcp.listen({ port: 7 })
  const [client, server] = await Promise.all([a.tcp.connect({ host: '10.0.0.2', port: 7 }), listener.accept()])
  const sent = client.write(new Uint8Array(32 * MIB))
  const memory = new Uint8Array(MIB)
  let window = 0
  for (let got = 0; got < 32 * MIB; window = Math.max(window, server!.info().rcv_space)) {
    got += await server!.readInto(memory)
  }
  await sent
  a.close()
  b.close()
  return window
}

describe('the receive window', () => {
  it('grows no larger than what the link has room for', async () => {
    assert.equal(await windowOver((link) => new NarrowLink(link)), ROOM)
    assert.ok((await windowOver((link) => link)) > ROOM)
  })
})
