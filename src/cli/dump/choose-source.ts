import { NetError } from '../../base/errors.ts'
import { compileFilter, type Filter } from '../../wire/filter/filter.ts'
import { FilterSyntaxError } from '../../wire/filter/syntax-error.ts'
import { MAX_CAPTURED } from '../../wire/pcap-record.ts'
import { bool, type Flags, type Values } from '../command.ts'
import { UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { openFile } from './file-source.ts'
import { openInterface } from './interface-source.ts'
import { type CapModule, loadCap, openLibpcap } from './libpcap-source.ts'
import type { PacketSource } from './packet.ts'

/** How much of a packet is kept by default: all of it. */
export const SNAP_LENGTH = MAX_CAPTURED

/** How to listen, for every command that does. */
export const LISTEN_FLAGS = {
  'no-promiscuous': bool({ short: 'p', summary: 'leave out frames for other stations' }),
  libpcap: bool({ summary: 'listen through libpcap, by the package cap' }),
} satisfies Flags

/** What the command line says of a source; the filter is what stands there without a dash. */
interface SourceArgs extends Values<typeof LISTEN_FLAGS> {
  readonly interface: string | undefined
  /** A capture file; `-` is stdin. */
  readonly read: string | undefined
  readonly _: readonly string[]
}

export interface SourceOptions {
  readonly snapLength: number
  /** Checksums that were left to the hardware are finished: what is written to a file should be whole. */
  readonly finishChecksums: boolean
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
export async function chooseSource(args: SourceArgs, options: SourceOptions, io: Io): Promise<Chosen> {
  const text = args._.join(' ')
  const compiled = compile(text)
  const isOurs = !(compiled instanceof FilterSyntaxError)
  if (args.read !== undefined) {
    if (args.interface !== undefined) throw new UsageError('-i and -r exclude each other: choose one source')
    if (!isOurs) throw new UsageError(explain(compiled, text), FILTER_HINT)
    return { source: openFile(args.read, io.stdin), filter: compiled }
  }
  const cap = isOurs && !args.libpcap ? undefined : await loadCap()
  if (cap !== undefined)
    return { source: openThrough(cap, args.interface, text, options.snapLength), filter: EVERYTHING }
  if (!isOurs || args.libpcap) throw withoutCap(compiled, text)
  try {
    const onDown = (error: NetError): void => io.output.warn(`${error.message}. Waiting for it`)
    const promiscuous = !args['no-promiscuous']
    return { source: openInterface({ ...options, name: args.interface, promiscuous, onDown }), filter: compiled }
  } catch (error) {
    const other = isAddonMissing(error) ? await loadCap() : undefined
    if (other === undefined) throw error
    return { source: openThrough(other, args.interface, text, options.snapLength), filter: EVERYTHING }
  }
}

const isAddonMissing = (error: unknown): boolean => error instanceof NetError && error.code === 'ERR_ADDON_MISSING'

function openThrough(cap: CapModule, name: string | undefined, filter: string, snapLength: number): PacketSource {
  const device = name ?? cap.Cap.findDevice()
  if (device === undefined) throw new UsageError('libpcap finds no interface to listen on', 'name one: -i IFACE')
  return openLibpcap(cap, device, filter, snapLength)
}

const FILTER_HINT = 'gotcp help dump lists what a filter can say'
const CAP_HINT = 'sudo apt-get install libpcap-dev && npm rebuild cap'

function withoutCap(compiled: Filter | FilterSyntaxError, text: string): UsageError {
  if (!(compiled instanceof FilterSyntaxError)) {
    return new UsageError('libpcap cannot be used: the package cap is not built', CAP_HINT)
  }
  return new UsageError(explain(compiled, text), `for all of libpcap's language: ${CAP_HINT}`)
}
