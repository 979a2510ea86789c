import { suggest } from '../../base/suggest.ts'
import { formatEndpoint } from '../../transport/endpoint.ts'
import { globMatcher } from '../auth/glob.ts'
import { parseListen } from './addresses.ts'
import type { Reading } from './reading.ts'
import { textOf } from './scalar.ts'

type Path = readonly PropertyKey[]
type Mapping = Readonly<Record<string, unknown>>

/** The mappings of a list, whatever else is wrong with it. */
function* mappingsAt(path: Path, reading: Reading): Generator<readonly [Path, Mapping]> {
  const list = reading.source.valueAt(path)
  if (!Array.isArray(list)) return
  for (const [i, item] of list.entries()) {
    if (typeof item === 'object' && item !== null) yield [[...path, i], item]
  }
}

/** Notes everything that is there twice. These checks need no valid file, so that all mistakes come at once. */
export function checkDuplicates(reading: Reading): void {
  for (const list of ['services', 'users', 'paths']) checkNames([list], reading)
  checkListeners(reading)
  checkUserServices(reading)
}

function checkNames(list: Path, reading: Reading): void {
  const lines = new Map<string, number>()
  for (const [path, { name }] of mappingsAt(list, reading)) {
    if (typeof name !== 'string') continue
    const place = [...path, 'name']
    const first = lines.get(name)
    if (first !== undefined) reading.fail(place, `"${name}" is there already, in line ${first}; choose another name`)
    else lines.set(name, reading.source.problem(place, '').line)
  }
}

/** Every address that is listened on, with its place. */
function* listenersOf(reading: Reading): Generator<readonly [Path, unknown, 'tcp' | 'udp']> {
  const listen = reading.source.valueAt(['listen'])
  for (const [i, item] of (Array.isArray(listen) ? listen : [listen]).entries()) {
    const address = typeof item === 'object' && item !== null ? (item as Mapping)['address'] : item
    yield [Array.isArray(listen) ? ['listen', i] : ['listen'], address, 'tcp']
  }
  yield [['metrics'], reading.source.valueAt(['metrics']), 'tcp']
  for (const [path, service] of mappingsAt(['services'], reading)) {
    yield [[...path, 'listen'], service['listen'], service['type'] === 'udp' ? 'udp' : 'tcp']
  }
}

function checkListeners(reading: Reading): void {
  const seen = new Map<string, number>()
  for (const [path, address, protocol] of listenersOf(reading)) {
    if (typeof address !== 'string') continue
    const parsed = parseListen(address)
    if (parsed?.port === 0) continue
    const key = `${protocol} ${parsed === undefined ? address : formatEndpoint(parsed)}`
    const first = seen.get(key)
    if (first !== undefined)
      reading.fail(path, `${address} is listened on already, in line ${first}; choose another port`)
    else seen.set(key, reading.source.problem(path, '').line)
  }
}

/** Whether the services that a user may open exist. */
function checkUserServices(reading: Reading): void {
  const names = [...mappingsAt(['services'], reading)].map(([, { name }]) => textOf(name))
  for (const [path, { services }] of mappingsAt(['users'], reading)) {
    for (const [i, name] of (Array.isArray(services) ? services : [services]).entries()) {
      if (typeof name !== 'string' || names.some(globMatcher(name))) continue
      const near = suggest(name, names)
      const place = [...path, 'services', ...(Array.isArray(services) ? [i] : [])]
      const fix = near === undefined ? '' : `; did you mean "${near}"?`
      reading.fail(place, `there is no service "${name}"${fix}`)
    }
  }
}
