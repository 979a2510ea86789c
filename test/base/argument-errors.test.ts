import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rangeError, typeError } from '../../src/base/argument-errors.ts'

describe('An error of an argument', () => {
  it('has its code where Node has it: as a property, and in the stack beside the name', () => {
    for (const [error, name, code] of [
      [rangeError('Too much'), 'RangeError', 'ERR_OUT_OF_RANGE'],
      [typeError('No number'), 'TypeError', 'ERR_INVALID_ARG_TYPE'],
    ] as const) {
      assert.equal(error.code, code)
      assert.equal(String(error), `${name}: ${error.message}`)
      assert.ok(error.stack?.startsWith(`${name} [${code}]: ${error.message}\n`))
      assert.deepEqual(Object.keys(error), ['code'])
    }
  })
})
