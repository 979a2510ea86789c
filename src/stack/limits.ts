import { rangeError, typeError } from '../base/argument-errors.ts'

/** The number given, or the usual one. @throws {RangeError} that names the option, its limits and what was given. */
export function within(name: string, given: number | undefined, usual: number, least: number, most: number): number {
  const value = given ?? usual
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw rangeError(`Cannot use ${name} ${value}: it must be a whole number from ${least} to ${most}`)
}

/** The flag given, or the usual one. @throws {TypeError} that names the option and what was given. */
export function flag(name: string, given: boolean | undefined, usual: boolean): boolean {
  const value: unknown = given ?? usual
  if (typeof value === 'boolean') return value
  throw typeError(`Cannot use ${name} ${JSON.stringify(value)}: it must be true or false`)
}

/** The bytes given. @throws {TypeError} that names what was given in their place. */
export function requireBytes(what: string, given: Uint8Array): Uint8Array {
  // Those of another realm are no instances.
  if (given instanceof Uint8Array || Object.prototype.toString.call(given) === '[object Uint8Array]') return given
  throw typeError(`Cannot ${what} ${Object.prototype.toString.call(given)}: it must be a Uint8Array`)
}
