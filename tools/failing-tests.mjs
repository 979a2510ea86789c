// A reporter that says at the very end what failed, where, and how to run it again: the rest of the report is long.
import { relative } from 'node:path'
import { ROOT } from './system.mjs'

const FOLLOWS_FROM_A_TEST_INSIDE = 'subtestsFailed'

function describeFailure({ name, file, details }) {
  const error = details.error.cause ?? details.error
  const path = file === undefined ? name : relative(ROOT, file)
  return `# FAILED ${name}\n#   node --test ${path}\n${String(error?.stack ?? error).replace(/^/gm, '#   ')}\n`
}

export default async function* failingTests(events) {
  const failures = []
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.details.error.failureType !== FOLLOWS_FROM_A_TEST_INSIDE) {
      failures.push(describeFailure(data))
    }
  }
  yield* failures
}
