/** Copies `length` bytes; for a few, a loop beats the view that `set` needs. */
export function copyBytes(source: Uint8Array, from: number, target: Uint8Array, at: number, length: number): void {
  if (length < 32) for (let i = 0; i < length; i++) target[at + i] = source[from + i]!
  else target.set(length === source.length ? source : source.subarray(from, from + length), at)
}
