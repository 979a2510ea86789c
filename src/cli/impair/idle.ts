import type { Settings } from './settings.ts'

/** Settings that mean nothing without another. */
const NEEDS = [
  { field: 'codel', needed: 'rate' },
  { field: 'burst', needed: 'loss' },
] as const

/** What of the settings of one way, from the start and later, never has an effect; in words. */
export function idleSettings(all: readonly Settings[]): string[] {
  const isSet = (field: keyof Settings): boolean => all.some((settings) => settings[field] !== undefined)
  return NEEDS.filter(({ field, needed }) => isSet(field) && !isSet(needed)).map(
    ({ field, needed }) => `without a ${needed} there is nothing for ${field} to do`,
  )
}
