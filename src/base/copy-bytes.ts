import { NO_PLACES, type Places } from './places.ts'

let slab: Places = NO_PLACES

/** What is copied next will come from the memory of `places`, mostly. */
export function copiesFrom(places: Places): void {
  slab = places
}

/** Copies `length` bytes; for a few, a loop beats the view that `set` needs. */
export function copyBytes(source: Uint8Array, from: number, target: Uint8Array, at: number, length: number): void {
  if (length < 32) for (let i = 0; i < length; i++) target[at + i] = source[from + i]!
  else if (length === source.length) target.set(source, at)
  else target.set(source === slab.bytes ? slab.view(from, length) : source.subarray(from, from + length), at)
}
