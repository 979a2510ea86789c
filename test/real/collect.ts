import assert from 'node:assert/strict'

import type { Micros } from '../../src/base/types.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import type { InFrame } from '../../src/link/link.ts'

const NOW = 0 as Micros

/** A frame that outlives its callback. */
export interface Seen {
  readonly bytes: Uint8Array
  readonly checksum: string
  readonly segmentSize: number
  readonly timestamp: number
  readonly outgoing: boolean
}

/** Drains a link into a list as frames come, and lets a test wait for what it expects. */
export class Collector {
  readonly frames: Seen[] = []
  wakes = 0
  readonly #link: PortLink
  #check: (() => void) | undefined

  constructor(link: PortLink) {
    this.#link = link
    link.onWake = () => {
      this.wakes++
      this.drain()
    }
  }

  drain(): void {
    do this.#link.receive(NOW, (frame) => this.frames.push(this.#copy(frame)))
    while (this.#link.pollAt() <= NOW)
    this.#check?.()
  }

  /** Waits until `wanted` accepts the frames so far; fails after ten seconds. */
  until(wanted: (frames: readonly Seen[]) => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#check = undefined
        reject(new Error(`waited in vain for ${what}; saw ${this.frames.length} frames`))
      }, 10_000)
      this.#check = () => {
        if (!wanted(this.frames)) return
        clearTimeout(timer)
        this.#check = undefined
        resolve()
      }
      this.#check()
    })
  }

  #copy(frame: InFrame): Seen {
    return {
      bytes: frame.bytes.slice(frame.start, frame.end),
      checksum: frame.checksum,
      segmentSize: frame.segmentSize,
      timestamp: this.#link.timestamp,
      outgoing: this.#link.outgoing,
    }
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The destination port of an untagged IPv4 frame of UDP or TCP without IP options; -1 for any other. */
export function portOf(frame: Seen): number {
  const { bytes } = frame
  if (bytes.length < 38 || view(bytes).getUint16(12) !== 0x0800) return -1
  return bytes[23] === 17 || bytes[23] === 6 ? view(bytes).getUint16(36) : -1
}

/** The UDP payload of an untagged frame without IP options. */
export const udpPayload = (frame: Seen): Uint8Array => frame.bytes.subarray(42, 34 + view(frame.bytes).getUint16(38))

/** A condition that some other process brings about: asked again until it holds, for ten seconds at most. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`waited in vain for ${what}`)
}

/** Asserts that the event loop sleeps: a descriptor that reports the same error again and again keeps it awake. */
export async function idles(): Promise<void> {
  const before = performance.eventLoopUtilization()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const { utilization } = performance.eventLoopUtilization(before)
  assert.ok(utilization < 0.9, `the event loop was awake for ${Math.round(utilization * 100)} % of the time`)
}
