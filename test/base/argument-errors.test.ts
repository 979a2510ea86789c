import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rangeError, typeError } from '../../src/base/argument-errors.ts'
import { within } from '../../src/stack/limits.ts'

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

  it('is of its kind to the compiler too', () => {
    const range: RangeError & { readonly code: 'ERR_OUT_OF_RANGE' } = rangeError('Too much')
    const type: TypeError & { readonly code: 'ERR_INVALID_ARG_TYPE' } = typeError('No number')
    assert.ok(range instanceof RangeError && type instanceof TypeError)
  })

  it('begins its stack where the argument was given', () => {
    const give = (): unknown => within('size', 8, 5, 1, 7)
    const fail = (): unknown => rangeError('Too much').stack
    const begins = (stack: unknown, name: string): void =>
      assert.match(String(stack), new RegExp(`^.*\n    at ${name} `))
    begins(fail(), 'fail')
    assert.throws(give, ({ stack }: Error) => begins(stack, 'give') === undefined)
  })
})
