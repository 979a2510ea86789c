import { httpCases } from './http-cases.ts'
import type { MakePair } from './memory-session.ts'
import { poolCases } from './pool-cases.ts'
import { proxyCases } from './proxy-cases.ts'
import { socksCases } from './socks-cases.ts'
import { tcpCases } from './tcp-cases.ts'
import { udpCases } from './udp-cases.ts'

/** What services must do on a session, whichever it is. */
export function serviceCases(makePair: MakePair): void {
  tcpCases(makePair)
  poolCases(makePair)
  proxyCases(makePair)
  socksCases(makePair)
  httpCases(makePair)
  udpCases(makePair)
}
