import { type Seq, seqLe } from '../base/seq.ts'

// Sequence numbers in rising order, in an array that is changed in place: `splice` would make another of what it takes out.

/** Index of the first that lies beyond `at`, by halving; the length when none does. */
export function firstBeyond(list: readonly Seq[], at: Seq): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (seqLe(list[middle]!, at)) low = middle + 1
    else high = middle
  }
  return low
}

/** Puts `value` at index `at`. */
export function insert(list: Seq[], at: number, value: Seq): void {
  list.push(value)
  for (let i = list.length - 1; i > at; i--) list[i] = list[i - 1]!
  list[at] = value
}

/** Takes out `count` from index `at` on. */
export function drop(list: Seq[], at: number, count: number): void {
  if (count === 0) return
  for (let i = at + count; i < list.length; i++) list[i - count] = list[i]!
  list.length -= count
}
