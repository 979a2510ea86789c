/** Nominal typing over primitives: zero run-time cost, no mixing of units. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name }

/** Integer microseconds on the stack's own monotonic clock. */
export type Micros = Brand<number, 'Micros'>

/** A deadline that never comes. */
export const NEVER = Number.POSITIVE_INFINITY as Micros

export const micros = (n: number): Micros => n as Micros
export const fromMs = (ms: number): Micros => Math.round(ms * 1000) as Micros
export const addMicros = (at: Micros, delta: number): Micros => (at + delta) as Micros
export const earliest = (a: Micros, b: Micros): Micros => (a < b ? a : b)

/** Something with deadlines: a stack, a link, a simulated host. It performs no I/O and owns no clock. */
export interface Pollable {
  /** Does everything due at `now`; harmless when nothing is. */
  poll(now: Micros): void
  /** When `poll` next wants to be called; `NEVER` while idle. */
  pollAt(): Micros
}
