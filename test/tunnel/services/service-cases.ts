import type { MakePair } from './memory-session.ts'
import { tcpCases } from './tcp-cases.ts'

/** What services must do on a session, whichever it is. */
export function serviceCases(makePair: MakePair): void {
  tcpCases(makePair)
}
