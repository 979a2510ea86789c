/** The number given, or the usual one. @throws {RangeError} that names the option, its limits and what was given. */
export function within(name: string, given: number | undefined, usual: number, least: number, most: number): number {
  const value = given ?? usual
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new RangeError(`Cannot use ${name} ${value}: it must be a whole number from ${least} to ${most}`)
}

/** The flag given, or the usual one. @throws {TypeError} that names the option and what was given. */
export function flag(name: string, given: boolean | undefined, usual: boolean): boolean {
  const value: unknown = given ?? usual
  if (typeof value === 'boolean') return value
  throw new TypeError(`Cannot use ${name} ${JSON.stringify(value)}: it must be true or false`)
}
