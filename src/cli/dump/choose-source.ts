import { NetError } from '../../base/errors.ts'
import { compileFilter, type Filter } from '../../wire/filter/filter.ts'
import { FilterSyntaxError } from '../../wire/filter/syntax-error.ts'
import { MAX_CAPTURED } from '../../wire/pcap-record.ts'
import { UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { openFile } from './file-source.ts'
import { openInterface } from './interface-source.ts'
import { type CapModule, loadCap, openLibpcap } from './libpcap-source.ts'
import type { PacketSource } from './packet.ts'

/** How much of a packet is kept by default: all of it. */
export const SNAP_LENGTH = MAX_CAPTURED

export interface SourceOptions {
  readonly interface: string | undefined
  /** A capture file; `-` is stdin. */
  readonly read: string | undefined
  readonly filter: string
  readonly promiscuous: boolean
  readonly snapLength: number
  readonly finishChecksums: boolean
  /** Listens through libpcap even where we could do without. */
  readonly libpcap: boolean
}

export interface Chosen {
  readonly source: PacketSource
  /** What is left for us to filter. */
  readonly filter: Filter
}

const EVERYTHING = compileFilter('')

/** Our reading of a filter, or why we cannot read it. */
function compile(text: string): Filter | FilterSyntaxError {
  try {
    return compileFilter(text)
  } catch (error) {
    if (error instanceof FilterSyntaxError) return error
    throw error
  }
}

const explain = (error: FilterSyntaxError, text: string): string =>
  `filter "${text}", character ${error.at + 1}: ${error.message}`

/**
 * Opens what the flags ask for. Our own capture is used where our filter
 * language suffices; libpcap, where it is installed, takes the rest of its own.
 * @throws UsageError, NetError
 */
export async function chooseSource(options: SourceOptions, io: Io): Promise<Chosen> {
  const compiled = compile(options.filter)
  const isOurs = !(compiled instanceof FilterSyntaxError)
  if (options.read !== undefined) {
    if (options.interface !== undefined) throw new UsageError('-i and -r exclude each other: choose one source')
    if (!isOurs) throw new UsageError(explain(compiled, options.filter), FILTER_HINT)
    return { source: openFile(options.read, io.stdin), filter: compiled }
  }
  const cap = isOurs && !options.libpcap ? undefined : await loadCap()
  if (cap !== undefined) return { source: openThrough(cap, options), filter: EVERYTHING }
  if (!isOurs || options.libpcap) throw withoutCap(compiled, options.filter)
  try {
    const onDown = (error: NetError): void => io.output.warn(`${error.message}. Waiting for it`)
    return { source: openInterface({ ...options, name: options.interface, onDown }), filter: compiled }
  } catch (error) {
    const other = isAddonMissing(error) ? await loadCap() : undefined
    if (other === undefined) throw error
    return { source: openThrough(other, options), filter: EVERYTHING }
  }
}

const isAddonMissing = (error: unknown): boolean => error instanceof NetError && error.code === 'ERR_ADDON_MISSING'

function openThrough(cap: CapModule, options: SourceOptions): PacketSource {
  const device = options.interface ?? cap.Cap.findDevice()
  if (device === undefined) throw new UsageError('libpcap finds no interface to listen on', 'name one: -i IFACE')
  return openLibpcap(cap, device, options.filter, options.snapLength)
}

const FILTER_HINT = 'gotcp help dump lists what a filter can say'
const CAP_HINT = 'sudo apt-get install libpcap-dev && npm rebuild cap'

function withoutCap(compiled: Filter | FilterSyntaxError, text: string): UsageError {
  if (!(compiled instanceof FilterSyntaxError)) {
    return new UsageError('libpcap cannot be used: the package cap is not built', CAP_HINT)
  }
  return new UsageError(explain(compiled, text), `for all of libpcap's language: ${CAP_HINT}`)
}
