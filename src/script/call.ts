import type { Epoll } from './epoll.ts'
import type { Endpoint, Kernel } from './kernel.ts'
import { type Attempt, KernelSocket, type Outcome } from './socket.ts'
import { ArgumentError, type Arguments } from './values.ts'

/** A descriptor of the program under test. */
export type Descriptor = KernelSocket | Epoll

/** What a script foretells of something, and what it turned out to be. */
export interface Difference {
  readonly expected: string
  readonly seen: string
}

/** A call that has been understood: what makes it, and what besides its result the script foretells. */
export interface Call {
  readonly attempt: Attempt
  /** The descriptor that a successful call returned; the script chooses its number. */
  readonly opened?: () => Descriptor | undefined
  /** What differs from the script's expectation of what the call hands back, once it has returned. */
  readonly check?: (outcome: Outcome) => Difference | undefined
  /** When the call gives up waiting, on the machine's clock. */
  readonly deadline?: number
  /** The call succeeded: the script's connection has come this far. */
  readonly succeeded?: () => void
}

/** The program under test, as its calls see it. */
export interface Program {
  readonly kernel: Kernel
  /** By the numbers that the script gives them. */
  readonly descriptors: Map<number, Descriptor>
  /** Where bind and connect go, which scripts leave to their configuration. */
  readonly bindTo: Endpoint
  readonly connectTo: Endpoint
  /** Told as a socket begins to listen or to connect: later packets are its. */
  listens(socket: KernelSocket): void
  connects(socket: KernelSocket): void
  /** Told as a socket dissolves its association. */
  disconnects(socket: KernelSocket): void
}

export type Handler = (program: Program, args: Arguments) => Call

/** A call that returns at once. */
export const atOnce = (attempt: () => Outcome): Call => ({ attempt })

/** The socket that the first argument names. */
export function socketOf(program: Program, args: Arguments, index = 0): KernelSocket {
  const fd = args.number(index)
  return socketAt(program, fd)
}

export function socketAt(program: Program, fd: number): KernelSocket {
  const descriptor = program.descriptors.get(fd)
  if (descriptor instanceof KernelSocket) return descriptor
  throw new ArgumentError(`descriptor ${fd} is ${descriptor === undefined ? 'not open' : 'no socket'}`)
}
