import assert from 'node:assert/strict'

/** Milliseconds: a machine that is busy may need more to get to the step that is meant. */
const TIMEOUTS = [50, 250, 1000, 3000]

/** Lets something run out of time, with more of it each time, until it says what is expected. */
export async function patiently(attempt: (timeout: number) => Promise<string>, expected: RegExp): Promise<void> {
  let message = ''
  for (const timeout of TIMEOUTS) {
    message = await attempt(timeout)
    if (expected.test(message)) return
  }
  assert.match(message, expected)
}
