import assert from 'node:assert/strict'
import type { Session } from '../../src/session/session.ts'
import type { SessionPair } from './pair.ts'

/** Nothing is open, nothing waits, and what one side may send is what the other lets it. */
export function assertAtRest({ client, server }: SessionPair): void {
  for (const { openCount, load } of [client, server]) {
    assert.equal(openCount, 0, 'all is closed')
    assert.equal(load.unread, 0, 'nothing waits for a reader')
    assert.equal(load.missing, 0, 'nothing is missing')
    assert.equal(load.pieces, 0, 'nothing waits for what is missing')
  }
  assertWhole(client, server)
  assertWhole(server, client)
}

function assertWhole(from: Session, to: Session): void {
  assert.equal(from.load.credit, to.load.granted, 'both count the same')
  assert.ok(to.load.granted >= to.load.window / 2, `${to.load.granted} of ${to.load.window} octets are left`)
}
