import {
  type Ipv4Addr,
  isGroupMac,
  isMulticast,
  isReserved,
  MAC_BROADCAST,
  MAC_NONE,
  type MacAddr,
} from '../base/address.ts'
import { TimerQueue } from '../base/timer-queue.ts'
import { addMicros, type Micros, NEVER } from '../base/types.ts'
import { OutFrame } from '../link/link.ts'
import { ARP_LEN, ArpHeader, ArpOperation } from '../wire/arp.ts'
import { EtherType } from '../wire/ethernet.ts'
import { Neighbour, type NeighbourState } from './neighbour.ts'
import type { PacketCopy } from './packet-copy.ts'

const SECOND = 1_000_000
/** How long a neighbour that spoke is taken to be there (RFC 4861 §10, REACHABLE_TIME). */
const REACHABLE_TIME = 30 * SECOND
/** After this long without a word its address is no longer trusted at all (RFC 1122 §2.3.2.1). */
const EXPIRY = 600 * SECOND
/** A neighbour we sent to within this time is busy: it is never evicted. */
const BUSY_TIME = 60 * SECOND
/** Requests in a round, a second apart in the first round, twice that in each next one, up to the longest pause. */
const MAX_TRIES = 3
const FIRST_PAUSE = SECOND
const LONGEST_PAUSE = 4 * SECOND
const MAX_NEIGHBOURS = 1024
const QUEUE_LIMITS = { packets: 64, bytes: 256 * 1024 }
/** All queues together. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024

/** Why a packet was refused. Also the name of the drop counter. */
export type NeighbourDrop =
  | 'arp-bad-operation'
  | 'arp-bad-sender'
  | 'arp-own-address'
  | 'arp-not-for-us'
  | 'arp-cache-full'
  | 'arp-queue-full'
  | 'arp-unresolved'

/** What the cache needs of its interface. */
export interface NeighbourHost {
  readonly mac: MacAddr
  /** Puts an Ethernet header before the frame and sends it. */
  transmit(frame: OutFrame, dst: MacAddr, type: number, now: Micros): string | undefined
  /** Our address to ask from, on the network of `target` when there is one (RFC 1122 §3.2.1.3). */
  sourceFor(target: Ipv4Addr): Ipv4Addr | undefined
  /** Whether the address is ours, and ours alone to answer for. */
  answersFor(addr: Ipv4Addr): boolean
  /** Somebody spoke in the name of an address of ours; `mac` may be our own, come back to us. */
  onOwnAddress(addr: Ipv4Addr, mac: MacAddr, now: Micros): void
  /** These packets could not be delivered: nobody answers for the address. */
  onUnresolved(packets: readonly PacketCopy[], now: Micros): void
  /** A drop that no caller can be told of. */
  onDrop(reason: NeighbourDrop, count: number, now: Micros): void
  /** A neighbour's row changed. */
  onChange?: ((neighbour: Neighbour, now: Micros) => void) | undefined
}

/** A row of the cache, for people. */
export interface NeighbourInfo {
  readonly ip: Ipv4Addr
  readonly mac: MacAddr
  readonly state: NeighbourState
  readonly queued: number
}

/** The neighbour cache of one Ethernet interface (RFC 826, RFC 1122 §2.3.2). */
export class Neighbours {
  readonly #host: NeighbourHost
  readonly #rows = new Map<Ipv4Addr, Neighbour>()
  readonly #timers = new TimerQueue<Neighbour>()
  readonly #frame = new OutFrame()
  readonly #in = new ArpHeader()
  readonly #out = new ArpHeader()
  #queuedBytes = 0

  constructor(host: NeighbourHost) {
    this.#host = host
  }

  /** Sends the IP packet to `ip`, or keeps a copy while its address is asked for. */
  send(frame: OutFrame, ip: Ipv4Addr, now: Micros): string | undefined {
    const row = this.#rows.get(ip) ?? this.#create(ip, now)
    if (row === undefined) return 'arp-cache-full'
    row.usedAt = now
    if (row.state === 'REACHABLE' || row.state === 'PROBE') {
      const silence = now - row.confirmedAt
      if (silence < EXPIRY) {
        if (silence >= REACHABLE_TIME && row.state === 'REACHABLE') this.#begin(row, 'PROBE', now)
        return this.#host.transmit(frame, row.mac, EtherType.IPV4, now)
      }
    }
    return this.#enqueue(row, frame, now)
  }

  /** Takes one ARP packet, at [at, end) of `view` (RFC 826, "Packet Reception"). */
  input(view: DataView, at: number, end: number, now: Micros): string | undefined {
    const arp = this.#in
    const drop = arp.parse(view, at, end)
    if (drop !== undefined) return drop
    const { operation, senderIp, senderMac, targetIp } = arp
    if (operation !== ArpOperation.REQUEST && operation !== ArpOperation.REPLY) return 'arp-bad-operation'
    // RFC 1812 §3.3.2: a group or broadcast address names no sender.
    if (senderMac === MAC_NONE || isGroupMac(senderMac)) return 'arp-bad-sender'
    if (isMulticast(senderIp) || isReserved(senderIp)) return 'arp-bad-sender'
    if (this.#host.answersFor(senderIp)) {
      this.#host.onOwnAddress(senderIp, senderMac, now)
      return 'arp-own-address'
    }
    const forUs = this.#host.answersFor(targetIp)
    const asksUs = forUs && operation === ArpOperation.REQUEST
    let row = this.#rows.get(senderIp)
    // Who asks for us is about to speak to us; an answer to no question creates nothing.
    // RFC 5227 §2.1.1: a probe's sender address is zero; it says nothing about anybody.
    if (row === undefined && asksUs && senderIp !== 0) row = this.#create(senderIp, now)
    if (row !== undefined) this.#confirm(row, senderMac, now)
    if (asksUs) return this.#reply(senderMac, senderIp, targetIp, now)
    return forUs || row !== undefined ? undefined : 'arp-not-for-us'
  }

  /** Broadcasts our address to all (RFC 5227 §2.3). */
  announce(ip: Ipv4Addr, now: Micros): void {
    this.#emit(ArpOperation.REQUEST, ip, MAC_NONE, ip, MAC_BROADCAST, now)
  }

  /** Asks and gives up as time passes. */
  poll(now: Micros): void {
    for (;;) {
      const row = this.#timers.takeDue(now)
      if (row === undefined) return
      if (row.tries < MAX_TRIES) this.#ask(row, now)
      else this.#fail(row, now)
      this.#timers.update(row)
    }
  }

  pollAt(): Micros {
    return this.#timers.pollAt()
  }

  /** Forgets everyone: the link went down. */
  clear(now: Micros): void {
    for (const row of this.#rows.values()) {
      this.#timers.remove(row)
      if (row.queue.length > 0) this.#host.onUnresolved(row.queue.takeAll(), now)
    }
    this.#rows.clear()
    this.#queuedBytes = 0
  }

  get size(): number {
    return this.#rows.size
  }

  /** The rows as they stand at `now`. */
  list(now: Micros): NeighbourInfo[] {
    return [...this.#rows.values()].map((row) => ({
      ip: row.ip,
      mac: row.mac,
      state: row.state === 'REACHABLE' && now - row.confirmedAt >= REACHABLE_TIME ? 'STALE' : row.state,
      queued: row.queue.length,
    }))
  }

  #enqueue(row: Neighbour, frame: OutFrame, now: Micros): string | undefined {
    // One packet may always wait for each neighbour: the first is never lost.
    if (row.queue.length > 0 && this.#queuedBytes + frame.length > MAX_QUEUED_BYTES) return 'arp-queue-full'
    const before = row.queue.bytes
    const dropped = row.queue.push(frame)
    this.#queuedBytes += row.queue.bytes - before
    if (dropped > 0) this.#host.onDrop('arp-queue-full', dropped, now)
    if (row.state !== 'INCOMPLETE') this.#begin(row, 'INCOMPLETE', now)
    return undefined
  }

  /** Starts a round of requests. */
  #begin(row: Neighbour, state: 'INCOMPLETE' | 'PROBE', now: Micros): void {
    row.state = state
    row.tries = 0
    if (now - row.askedAt < FIRST_PAUSE) row.deadline = addMicros(row.askedAt, FIRST_PAUSE)
    else this.#ask(row, now)
    this.#timers.update(row)
    this.#host.onChange?.(row, now)
  }

  #ask(row: Neighbour, now: Micros): void {
    row.tries++
    row.askedAt = now
    row.deadline = addMicros(now, Math.min(FIRST_PAUSE * 2 ** row.failures, LONGEST_PAUSE))
    const source = this.#host.sourceFor(row.ip)
    if (source === undefined) return
    // RFC 1122 §2.3.2.1 (2): a known address is validated by asking it alone.
    const to = row.state === 'PROBE' ? row.mac : MAC_BROADCAST
    this.#emit(ArpOperation.REQUEST, source, row.state === 'PROBE' ? row.mac : MAC_NONE, row.ip, to, now)
  }

  #fail(row: Neighbour, now: Micros): void {
    row.deadline = NEVER
    // A neighbour that no longer answers at its old address may have a new one: the next packet asks all.
    if (row.state === 'INCOMPLETE') row.failures++
    row.state = 'FAILED'
    row.mac = MAC_NONE
    this.#host.onChange?.(row, now)
    this.#queuedBytes -= row.queue.bytes
    if (row.queue.length > 0) this.#host.onUnresolved(row.queue.takeAll(), now)
  }

  #confirm(row: Neighbour, mac: MacAddr, now: Micros): void {
    const isNews = row.state !== 'REACHABLE' || row.mac !== mac
    row.mac = mac
    row.state = 'REACHABLE'
    row.confirmedAt = now
    row.failures = 0
    row.deadline = NEVER
    if (isNews) this.#host.onChange?.(row, now)
    if (row.queue.length === 0) return
    this.#queuedBytes -= row.queue.bytes
    for (const packet of row.queue.takeAll()) {
      packet.restore(this.#frame)
      this.#host.transmit(this.#frame, mac, EtherType.IPV4, now)
    }
  }

  #reply(mac: MacAddr, ip: Ipv4Addr, ours: Ipv4Addr, now: Micros): string | undefined {
    return this.#emit(ArpOperation.REPLY, ours, mac, ip, mac, now)
  }

  #emit(operation: number, senderIp: Ipv4Addr, targetMac: MacAddr, targetIp: Ipv4Addr, to: MacAddr, now: Micros) {
    const arp = this.#out
    arp.operation = operation
    arp.senderMac = this.#host.mac
    arp.senderIp = senderIp
    arp.targetMac = targetMac
    arp.targetIp = targetIp
    this.#frame.reset()
    arp.write(this.#frame.view, this.#frame.push(ARP_LEN))
    return this.#host.transmit(this.#frame, to, EtherType.ARP, now)
  }

  #create(ip: Ipv4Addr, now: Micros): Neighbour | undefined {
    if (this.#rows.size >= MAX_NEIGHBOURS && !this.#evict(now)) return undefined
    const row = new Neighbour(ip, QUEUE_LIMITS)
    this.#rows.set(ip, row)
    return row
  }

  /** Makes room: of the rows that are neither busy nor waited for, the one longest unused goes. */
  #evict(now: Micros): boolean {
    let victim: Neighbour | undefined
    for (const row of this.#rows.values()) {
      const isUsed = row.state !== 'FAILED' && row.usedAt >= 0 && now - row.usedAt < BUSY_TIME
      const isBusy = isUsed || row.queue.length > 0
      if (!isBusy && (victim === undefined || row.usedAt < victim.usedAt)) victim = row
    }
    if (victim === undefined) return false
    this.#timers.remove(victim)
    this.#rows.delete(victim.ip)
    return true
  }
}
