import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { NetError } from '../base/errors.ts'

/** What a port obtained from the kernel; the same bits as `native/features.h`. */
export const PortFeature = {
  VNET_HEADER: 1,
  CHECKSUM: 2,
  TSO4: 4,
  TSO6: 8,
  TSO_ECN: 16,
  USO4: 32,
  USO6: 64,
} as const

/** The places of one received frame in `rxFacts`; the same as RxFact in `native/port.h`. */
export const RxFact = {
  START: 0,
  END: 1,
  FLAGS: 2,
  SEGMENT_SIZE: 3,
  GSO_TYPE: 4,
  PACKET_TYPE: 5,
  VLAN: 6,
  WIRE_LENGTH: 7,
  COUNT: 8,
} as const

/** `IN_RING`: the frame lies in the ring's memory, not in the slab. `JOINED`: it came in several. `BY_RING`: it came by the ring. */
export const RxFlag = { PARTIAL: 1, VERIFIED: 2, TRUNCATED: 4, IN_RING: 8, JOINED: 16, BY_RING: 32 } as const

/** The places of one frame to send in `txFacts`; the same as TxFact in `native/port.h`. */
export const TxFact = {
  HEADER: 0,
  HEADER_LENGTH: 1,
  PIECE: 2,
  PIECE_LENGTH: 3,
  PIECE2: 4,
  PIECE2_LENGTH: 5,
  GSO_TYPE: 6,
  SEGMENT_SIZE: 7,
  CHECKSUM_START: 8,
  CHECKSUM_OFFSET: 9,
  HEADERS_END: 10,
  COUNT: 11,
} as const

/**
 * What the last `send` met, whether more may have come than the last `receive` handed on, and whether the ring is known to
 * have dropped frames, in `state`.
 */
export const PortState = { TX_LOST: 0, TX_ERRNO: 1, RX_MORE: 2, RX_LOSING: 3, COUNT: 4 } as const

/** Segmentation types of the virtio-net header (Virtual I/O Device 1.1, §5.1.6). */
export const GsoType = { NONE: 0, TCPV4: 1, UDP_FRAGMENTS: 3, TCPV6: 4, UDP: 5, ECN: 0x80 } as const

/** A descriptor that frames pass through. Every number that can fail is a negative errno then. */
export interface NativePort {
  openPacket(
    ifindex: number,
    ethernet: boolean,
    vnetHeader: boolean,
    ignoreOutgoing: boolean,
    promiscuous: boolean,
    timestamps: boolean,
    receiveBuffer: number,
    sendBuffer: number,
    /** Whether there may be a ring. */
    withRing: boolean,
    filter: Uint8Array,
  ): number
  openTunTap(name: string, tap: boolean, vnetHeader: boolean): number
  /**
   * Gives the port its memory; before `start`, and never given back to anything else until `close`. Half of the slab's slots,
   * and half of the facts, are for frames of a ring.
   */
  attach(
    rxSlab: Uint8Array,
    rxFacts: Int32Array,
    rxTimes: Float64Array,
    txSlab: Uint8Array,
    txFacts: Int32Array,
    state: Int32Array,
  ): number
  /** Reports: the number of frames that there are facts of, 0 when writable again, or a negative errno. */
  start(onReady: (count: number) => void): number
  /**
   * After `start`: frames that this filter takes come by a ring of so many slots of that size, in the place of the ring that
   * there was. Its memory, or a negative errno: EBUSY while there is something to read in the last one, and with any other
   * there is none.
   */
  openRing(slots: number, slotSize: number, filter: Uint8Array): ArrayBuffer | number
  watch(readable: boolean, writable: boolean): number
  setRef(ref: boolean): void
  /** Whether `receive` joins TCP segments that follow each other into super-segments. */
  setCoalescing(coalesce: boolean): void
  /** Replaces the filter of the messages or of the ring, at once; no bytes remove it. */
  setFilter(filter: Uint8Array, ofRing: boolean): number
  /**
   * Packets to these addresses end at the packet sockets, in the present network namespace; none: the kernel deals with all,
   * as before. A port that is not of a packet socket has nothing to withhold.
   */
  withhold(addresses: Uint32Array): number
  features(): number
  bufferSize(receive: boolean): number
  /** Frames the kernel dropped since the port was opened, because its buffer was full. */
  drops(): number
  /** Whether the interface is up, or what was read says so. */
  isUp(): boolean
  name(): string
  descriptor(): number
  close(): void
  /** Takes what has come, without waiting: the number of frames. */
  receive(): number
  /** The frames of the last `receive` have been read: the kernel may fill the slots of a ring again. */
  release(): void
  /** Sends the first `count` frames; `payloads[2i]` and `[2i+1]` are the pieces of frame i. The number dealt with. */
  send(count: number, payloads: readonly Uint8Array[]): number
}

/** A timer of the event loop; it keeps the process alive while it is set. */
export interface NativeAlarm {
  /** 0 or a negative errno. */
  open(onAlarm: () => void): number
  /** Rings once, so many microseconds from now, in place of what was set before; 0 or a negative errno. */
  set(micros: number): number
  close(): void
}

/** What the addon exports. */
export interface NativeAddon {
  readonly Alarm: new () => NativeAlarm
  readonly Port: new () => NativePort
  netlinkDump(type: number, family: number): Uint8Array | number
  setUp(name: string, up: boolean): number
  setMtu(name: string, mtu: number): number
  setMac(name: string, mac: Uint8Array): number
  setAddress(name: string, address: number, netmask: number): number
  enterNamespace(descriptor: number): number
  holdPort(tcp: boolean, address: number, port: number, reuse: boolean): number
  releasePort(descriptor: number): void
  /** A TCP socket, neither bound nor connected: its descriptor, which the caller owns. */
  openStream(ipv6: boolean): number
  /** One datagram to a Unix socket, which a leading `@` names in the abstract namespace; 0 or a negative errno. */
  sendDatagram(path: string, bytes: Uint8Array): number
  getOption(descriptor: number, level: number, name: number, target: Uint8Array): number
  setOption(descriptor: number, level: number, name: number, value: Uint8Array): number
  /** The wall clock, in microseconds since 1970: the one that frames are stamped with. */
  wallClock(): number
  /** Gives the kernel what the allocator holds free, wherever it lies; whether there was any. Takes milliseconds. */
  trimMemory(): boolean
  /** Adds `bytes[from, to)` as big-endian words to `sum`, folded to 16 bits. */
  checksum(bytes: Uint8Array, from: number, to: number, sum: number): number
}

/** The folder of the nearest package.json upward: sources and built files lie at different depths. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

let addon: NativeAddon | undefined

/** The addon, loaded at first use: a prebuilt one, else `build/Release`. */
export function native(): NativeAddon {
  if (addon !== undefined) return addon
  const root = packageRoot()
  try {
    const load = createRequire(import.meta.url)('node-gyp-build') as (folder: string) => NativeAddon
    addon = load(root)
    return addon
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
    throw new NetError(
      'ERR_ADDON_MISSING',
      `Cannot load the native addon from ${join(root, 'prebuilds')} or ${join(root, 'build', 'Release')}: ${reason}. ` +
        `Build it with: cd ${root} && npm run build`,
    )
  }
}

/** Whether the real links can be opened at all on this machine. */
export function hasNative(): boolean {
  try {
    native()
    return true
  } catch {
    return false
  }
}
