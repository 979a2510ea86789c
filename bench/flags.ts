import { type ParseArgsConfig, parseArgs } from 'node:util'
import { USAGE } from './commands.ts'
import { refuse } from './rig.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Values<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T }>>['values']

/** The values of the flags; what is none ends the process with the usage. */
export function readFlags<const T extends Options>(args: readonly string[], options: T): Values<T> {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    return refuse(`${(error as Error).message}\n${USAGE}`)
  }
}

/** The number above 0 that a flag was given. */
export function positive(name: string, text: string): number {
  const value = Number(text)
  return value > 0 && Number.isFinite(value) ? value : refuse(`--${name} is a number above 0, not "${text}"`)
}
