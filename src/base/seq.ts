import type { Brand } from './types.ts'

/**
 * A TCP sequence number, kept as a *signed* 32-bit integer.
 *
 * RFC 9293 §3.4: all arithmetic is modulo 2^32. `(a - b) | 0` is that
 * subtraction, and its sign is the comparison. No other file may order
 * sequence numbers with `<`.
 */
export type Seq = Brand<number, 'Seq'>

export const seq = (n: number): Seq => (n | 0) as Seq
/** a + n (mod 2^32). */
export const seqAdd = (a: Seq, n: number): Seq => ((a + n) | 0) as Seq
/** The signed distance a - b. */
export const seqDiff = (a: Seq, b: Seq): number => (a - b) | 0
export const seqLt = (a: Seq, b: Seq): boolean => ((a - b) | 0) < 0
export const seqLe = (a: Seq, b: Seq): boolean => ((a - b) | 0) <= 0
export const seqGt = (a: Seq, b: Seq): boolean => ((a - b) | 0) > 0
export const seqGe = (a: Seq, b: Seq): boolean => ((a - b) | 0) >= 0
export const seqMax = (a: Seq, b: Seq): Seq => (((a - b) | 0) > 0 ? a : b)
export const seqMin = (a: Seq, b: Seq): Seq => (((a - b) | 0) < 0 ? a : b)
/** first <= s < first + size, the half-open window of RFC 9293 §3.4. */
export const seqInWindow = (s: Seq, first: Seq, size: number): boolean => (s - first) >>> 0 < size
/** For display and for the wire only. */
export const seqToU32 = (s: Seq): number => s >>> 0
