import type { IpAddr } from '../base/address.ts'
import type { Rng } from '../base/rng.ts'

/** A connection as the table sees it: two ends, and a field that is the table's own. */
export interface TableEntry {
  readonly local: IpAddr
  readonly localPort: number
  readonly remote: IpAddr
  readonly remotePort: number
  hashNext: unknown
}

const FIRST_SIZE = 64

/** Finds the connection of a segment by its four numbers: chained hashing, no key object, no allocation. */
export class ConnectionTable<T extends TableEntry> {
  #buckets: (T | undefined)[] = new Array(FIRST_SIZE).fill(undefined)
  #size = 0
  /** Keeps a stranger from choosing ends that share one chain. */
  readonly #secret: number

  constructor(rng: Rng) {
    this.#secret = rng() | 1
  }

  get size(): number {
    return this.#size
  }

  find(local: IpAddr, localPort: number, remote: IpAddr, remotePort: number): T | undefined {
    let entry = this.#buckets[this.#index(local, localPort, remote, remotePort)]
    while (entry !== undefined) {
      if (
        entry.remotePort === remotePort &&
        entry.localPort === localPort &&
        entry.remote === remote &&
        entry.local === local
      ) {
        return entry
      }
      entry = entry.hashNext as T | undefined
    }
    return undefined
  }

  /** Adds an entry whose ends are not in the table. */
  add(entry: T): void {
    if (this.#size >= this.#buckets.length) this.#grow()
    this.#link(entry)
    this.#size++
  }

  remove(entry: T): void {
    const index = this.#index(entry.local, entry.localPort, entry.remote, entry.remotePort)
    let at = this.#buckets[index]
    if (at === entry) this.#buckets[index] = entry.hashNext as T | undefined
    else {
      while (at !== undefined && at.hashNext !== entry) at = at.hashNext as T | undefined
      if (at === undefined) return
      at.hashNext = entry.hashNext
    }
    entry.hashNext = undefined
    this.#size--
  }

  *[Symbol.iterator](): Generator<T> {
    for (const first of this.#buckets) {
      for (let entry = first; entry !== undefined; entry = entry.hashNext as T | undefined) yield entry
    }
  }

  #link(entry: T): void {
    const index = this.#index(entry.local, entry.localPort, entry.remote, entry.remotePort)
    entry.hashNext = this.#buckets[index]
    this.#buckets[index] = entry
  }

  #grow(): void {
    const entries = [...this]
    this.#buckets = new Array(this.#buckets.length * 2).fill(undefined)
    for (const entry of entries) this.#link(entry)
  }

  /** The bucket of these ends. */
  #index(local: IpAddr, localPort: number, remote: IpAddr, remotePort: number): number {
    let hash = Math.imul(word(remote) ^ this.#secret, 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15) ^ word(local), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13) ^ ((remotePort << 16) | localPort), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) & (this.#buckets.length - 1)
  }
}

/** An address as one word: itself for IPv4, a mix of its letters for IPv6. */
function word(addr: IpAddr): number {
  if (typeof addr === 'number') return addr
  let mixed = 0
  for (let i = 0; i < addr.length; i++) mixed = Math.imul(mixed, 31) + addr.charCodeAt(i)
  return mixed
}
