import { parseArgs } from 'node:util'

type Default = string | number | boolean
type Values<F> = { [K in keyof F]: F[K] extends number ? number : F[K] extends boolean ? boolean : string }

/**
 * Reads a program's flags, `-port 80`, `--port 80` or `--port=80`; `defaults` lists them all. Help that is asked for
 * goes to stdout and ends the program; so does a mistake, with exit code 2 and on stderr.
 */
export function readFlags<F extends Readonly<Record<string, Default>>>(what: string, defaults: F): Values<F> {
  const flags = Object.entries(defaults)
  const usage = [what, ...flags.map(([name, value]) => `  -${name}${value === false ? '' : ` (default: ${value})`}`)]
  const options = Object.fromEntries(
    flags.map(([name, value]) => [name, { type: value === false ? ('boolean' as const) : ('string' as const) }]),
  )
  try {
    const { values } = parseArgs({
      args: process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z]{2})/, '--')),
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help === true) {
      console.log(usage.join('\n'))
      process.exit(0)
    }
    const given: Readonly<Record<string, string | boolean | undefined>> = values
    return Object.fromEntries(flags.map(([name, value]) => [name, read(name, given[name], value)])) as Values<F>
  } catch (error) {
    console.error([(error as Error).message, ...usage].join('\n'))
    process.exit(2)
  }
}

function read(name: string, given: string | boolean | undefined, usual: Default): Default {
  if (given === undefined || typeof usual !== 'number') return given ?? usual
  const value = Number(given)
  if (given === '' || !Number.isInteger(value) || value < 0 || (name === 'port' && value > 65535)) {
    throw new Error(`-${name}: "${given}" is not a ${name === 'port' ? 'port from 0 to 65535' : 'whole number'}`)
  }
  return value
}
