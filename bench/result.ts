/** What a client measures; `peer.c` has the same modes. */
export type Mode = 'send' | 'receive' | 'rr' | 'awake' | 'crr'

/** The figures of one run, by name, and how many bytes or answers were wrong. */
export interface Result {
  readonly wrong: number
  readonly [figure: string]: number
}

/** How a client in Node is on the wire, and where the other end is. */
export interface Attachment {
  /** `kernel` is node:net itself: the kernel's TCP, as a Node program has it without us. */
  readonly link: 'packet' | 'tap' | 'kernel'
  /** The way to speak with the stack: its own promises, those of a stack in another thread, or node:net's sockets. */
  readonly api: 'promises' | 'worker' | 'node'
  readonly interface: string
  /** Our address with its prefix. */
  readonly address: string
  /** Whether the kernel has that address too. */
  readonly shared?: boolean
  /** Whether frames carry a virtio-net header; true by default. */
  readonly offload?: boolean
  /** Slots of a receive ring for everything, 0 for none; by default the link's own choice. */
  readonly ring?: number
  /** Microseconds for which our event loop does not go to sleep after work; 0 by default. */
  readonly spin?: number
  /** Milliseconds for which the thread of the client computes between two turns of its event loop; 0 by default. */
  readonly busy?: number
  /** The address of the other end. */
  readonly host: string
}

/** What a client in Node is told to do. */
export interface Order extends Attachment {
  readonly mode: Mode
  readonly port: number
  readonly ms: number
  /** Milliseconds that do not count: V8 compiles what it has seen run. */
  readonly warmUp: number
}

/** The congestion controls that both sides know. */
export const CONGESTIONS = ['cubic', 'bbr'] as const
export type Congestion = (typeof CONGESTIONS)[number]

/** What our side of a flow behind a bad line is told to do. */
export interface FlowOrder {
  readonly role: 'send' | 'receive'
  readonly interface: string
  readonly host: string
  /** Our own, with its prefix. */
  readonly address: string
  readonly port: number
  readonly ms: number
  readonly congestion: Congestion
  /** Connections to as many ports from `port` on; 1 by default. */
  readonly flows?: number
  /** Where the sender's variables go as CSV. */
  readonly tracePath?: string | undefined
}
