import type { Rng } from './rng.ts'

/** 128 bits of secret, as four 32-bit words. */
export type SipKey = readonly [number, number, number, number]

export const sipKey = (rng: Rng): SipKey => [rng() | 0, rng() | 0, rng() | 0, rng() | 0]

/** Where the words v0 to v3 stand in the state: the low half, and behind it the high one. */
const V0 = 0
const V1 = 2
const V2 = 4
const V3 = 6
/** The one state there is: a hash begins and ends within one call. */
const state = new Int32Array(8)

/** a += b; b = (b rotated left by `bits`) ^ a. */
function mix(a: number, b: number, bits: number): void {
  const low = (state[a]! >>> 0) + (state[b]! >>> 0)
  state[a + 1] = state[a + 1]! + state[b + 1]! + (low > 0xffffffff ? 1 : 0)
  state[a] = low
  const bLow = state[b]!
  const bHigh = state[b + 1]!
  state[b] = ((bLow << bits) | (bHigh >>> (32 - bits))) ^ state[a]!
  state[b + 1] = ((bHigh << bits) | (bLow >>> (32 - bits))) ^ state[a + 1]!
}

/** Rotates a word by 32 bits. */
function swapHalves(word: number): void {
  const low = state[word]!
  state[word] = state[word + 1]!
  state[word + 1] = low
}

function rounds(count: number): void {
  for (let i = 0; i < count; i++) {
    mix(V0, V1, 13)
    swapHalves(V0)
    mix(V2, V3, 16)
    mix(V0, V3, 21)
    mix(V2, V1, 17)
    swapHalves(V2)
  }
}

function absorb(low: number, high: number): void {
  state[V3]! ^= low
  state[V3 + 1]! ^= high
  rounds(2)
  state[V0]! ^= low
  state[V0 + 1]! ^= high
}

/**
 * SipHash-2-4, the keyed hash behind initial sequence numbers and SYN cookies
 * (Aumasson and Bernstein, 2012), over 32-bit words; its 64-bit state is held as
 * pairs of 32-bit halves. Returns the low 32 bits of the 64-bit tag, unsigned.
 */
export function sipHash(key: SipKey, message: readonly number[]): number {
  absorbAll(key, message)
  return (state[V0]! ^ state[V1]! ^ state[V2]! ^ state[V3]!) >>> 0
}

/** The whole tag: its low half, then its high one, both unsigned. */
export function sipHash64(key: SipKey, message: readonly number[]): readonly [number, number] {
  const low = sipHash(key, message)
  return [low, (state[V0 + 1]! ^ state[V1 + 1]! ^ state[V2 + 1]! ^ state[V3 + 1]!) >>> 0]
}

function absorbAll(key: SipKey, message: readonly number[]): void {
  state[V0] = key[0] ^ 0x70736575
  state[V0 + 1] = key[1] ^ 0x736f6d65
  state[V1] = key[2] ^ 0x6e646f6d
  state[V1 + 1] = key[3] ^ 0x646f7261
  state[V2] = key[0] ^ 0x6e657261
  state[V2 + 1] = key[1] ^ 0x6c796765
  state[V3] = key[2] ^ 0x79746573
  state[V3 + 1] = key[3] ^ 0x74656462
  const words = message.length
  for (let i = 0; i + 1 < words; i += 2) absorb(message[i]! | 0, message[i + 1]! | 0)
  const length = (words * 4) << 24
  if (words % 2 === 1) absorb(message[words - 1]! | 0, length)
  else absorb(0, length)
  state[V2]! ^= 0xff
  rounds(4)
}
