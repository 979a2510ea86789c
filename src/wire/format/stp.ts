import { type BitNames, bitNames, hex, type Printer } from './printer.ts'

// IEEE 802.1D §9.3: offsets of the fields of a configuration BPDU.
const VERSION = 2
const TYPE = 3
const FLAGS = 4
const ROOT_ID = 5
const PATH_COST = 13
const BRIDGE_ID = 17
const PORT_ID = 25
const MESSAGE_AGE = 27
const MAX_AGE = 29
const HELLO_TIME = 31
const FORWARD_DELAY = 33
const CONFIG_LEN = 35

const VERSIONS: Readonly<Record<number, string>> = { 0: '802.1d', 2: '802.1w', 3: '802.1s', 4: '802.1aq' }
const TYPES: Readonly<Record<number, string>> = { 0: 'Config', 2: 'Rapid STP', 128: 'Topology Change' }
const FLAG_NAMES: BitNames = [
  [0x01, 'Topology change'],
  [0x02, 'Proposal'],
  [0x10, 'Learn'],
  [0x20, 'Forward'],
  [0x40, 'Agreement'],
  [0x80, 'Topology change ACK'],
]
const ROLES: readonly string[] = ['Unknown', 'Alternate', 'Root', 'Designated']
const VERSION_RAPID = 2
const TYPE_TOPOLOGY_CHANGE = 0x80

const bridgeId = (p: Printer, at: number): string => `${p.octets(at, 2)}.${p.octets(at + 2, 6, ':')}`
/** Times are in units of 1/256 s. */
const seconds = (p: Printer, at: number): string => `${(p.u16(at) / 256).toFixed(2)}s`

/** Prints the BPDU of `length` bytes at `at`. */
export function formatStp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'stp'
  if (length < 4) return p.invalid()
  if (p.u16(at) !== 0) return p.put(`unknown STP version, length ${length}`)
  const version = p.u8(at + VERSION)
  p.put(`STP ${VERSIONS[version] ?? `Unknown STP protocol (0x${hex(version, 2)})`}`)
  if (VERSIONS[version] === undefined) return
  const type = p.u8(at + TYPE)
  p.put(`, ${TYPES[type] ?? `Unknown BPDU Type (0x${hex(type, 2)})`}`)
  if (TYPES[type] === undefined || type === TYPE_TOPOLOGY_CHANGE) return
  if (length < CONFIG_LEN) return p.invalid()
  const flags = p.u8(at + FLAGS)
  const shownFlags = bitNames(flags, FLAG_NAMES)
  if (type !== 0 && version !== VERSION_RAPID) return p.put(`, CIST Flags [${shownFlags}], length ${length}`)
  p.put(`, Flags [${shownFlags}]`)
  p.put(`, bridge-id ${bridgeId(p, at + BRIDGE_ID)}.${hex(p.u16(at + PORT_ID), 4)}, length ${length}`)
  if (p.options.verbose === 0) return
  p.put(`\n\tmessage-age ${seconds(p, at + MESSAGE_AGE)}, max-age ${seconds(p, at + MAX_AGE)}`)
  p.put(`, hello-time ${seconds(p, at + HELLO_TIME)}, forwarding-delay ${seconds(p, at + FORWARD_DELAY)}`)
  p.put(`\n\troot-id ${bridgeId(p, at + ROOT_ID)}, root-pathcost ${p.u32(at + PATH_COST)}`)
  if (version === VERSION_RAPID) p.put(`, port-role ${ROLES[(flags >>> 2) & 3]}`)
}
