import { rangeError, typeError } from '../base/argument-errors.ts'

/** What was given, as a message may say it of anything. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  // Of an object that is made for it, String() fails; of one with itself inside, JSON does.
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value)
}

/**
 * The number given, or the usual one.
 * @throws {RangeError} that names the option, its limits and what was given; {TypeError} where that is no number.
 */
export function within(name: string, given: number | undefined, usual: number, least: number, most: number): number {
  const value: unknown = given ?? usual
  const isNumber = typeof value === 'number'
  if (isNumber && Number.isInteger(value) && value >= least && value <= most) return value
  const refusal = isNumber ? rangeError : typeError
  throw refusal(`Cannot use ${name} ${shown(value)}: it must be a whole number from ${least} to ${most}`, within)
}

/** The flag given, or the usual one. @throws {TypeError} that names the option and what was given. */
export function flag(name: string, given: boolean | undefined, usual: boolean): boolean {
  const value: unknown = given ?? usual
  if (typeof value === 'boolean') return value
  throw typeError(`Cannot use ${name} ${shown(value)}: it must be true or false`, flag)
}

/** The bytes given. @throws {TypeError} that names what was given in their place. */
export function requireBytes(what: string, given: Uint8Array): Uint8Array {
  // Those of another realm are no instances.
  if (given instanceof Uint8Array || Object.prototype.toString.call(given) === '[object Uint8Array]') return given
  throw typeError(`Cannot ${what} ${Object.prototype.toString.call(given)}: it must be a Uint8Array`, requireBytes)
}

/** The options given. @throws {TypeError} that names the call that wants them, with an example. */
export function requireOptions<T extends object>(call: string, given: T, example: string): T {
  if (typeof given === 'object' && given !== null) return given
  throw typeError(`Cannot ${call} with ${shown(given)}: give options, such as ${example}`, requireOptions)
}

/** The signal given, if any. @throws {TypeError} that names what was given in its place. */
export function requireSignal(given: AbortSignal | undefined): AbortSignal | undefined {
  if (given == null) return undefined
  if (typeof given.aborted === 'boolean' && typeof given.addEventListener === 'function') return given
  throw typeError(`Cannot use signal ${shown(given)}: it must be an AbortSignal`, requireSignal)
}
