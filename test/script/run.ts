import assert from 'node:assert/strict'
import { parseScript } from '../../src/script/parse.ts'
import { type FailureReport, type RunOptions, runScript, type ScriptResult } from '../../src/script/run-script.ts'

/** A listener on descriptor 3, and a connection to it on descriptor 4 that the peer opened. */
export const ACCEPTED = `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
`

/** A connection on descriptor 3 that the program opens, and which never blocks. */
export const CONNECTED = `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS
`

export function passes(text: string, options: RunOptions = {}): ScriptResult {
  const result = runScript(parseScript(text), options)
  const { failure } = result
  assert.ok(failure === undefined, `line ${failure?.line}: expected ${failure?.expected}, saw ${failure?.seen}`)
  return result
}

export function fails(text: string, options: RunOptions = {}): FailureReport {
  const { failure } = runScript(parseScript(text), options)
  assert.ok(failure !== undefined, 'it passed')
  return failure
}
