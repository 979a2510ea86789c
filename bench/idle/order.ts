import type { Memory } from '../memory.ts'

/** Connections to one port of the peer: fewer than there are ephemeral ports. */
export const PER_PORT = 10_000
export const FIRST_PORT = 7000

/** What the process that holds connections is told. */
export interface HoldOrder {
  readonly connections: number
  /** The namespace of the veth to the kernel; without one, both ends are our stacks. */
  readonly netns?: string
}

export interface HoldResult {
  /** The ends of connections that memory was measured for. */
  readonly ends: number
  /** Connections that answered. */
  readonly answers: number
  /** What all ends took while idle, and after each had answered. */
  readonly idle: Memory
  readonly afterwards: Memory
  /** Milliseconds for one connection: to open it, and to ask it and be answered. */
  readonly opening: number
  readonly answering: number
}
