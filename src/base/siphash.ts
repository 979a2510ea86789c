import type { Rng } from './rng.ts'

/** 128 bits of secret, as four 32-bit words. */
export type SipKey = readonly [number, number, number, number]

export const sipKey = (rng: Rng): SipKey => [rng() | 0, rng() | 0, rng() | 0, rng() | 0]

/**
 * SipHash-2-4, the keyed hash behind initial sequence numbers and SYN cookies
 * (Aumasson and Bernstein, 2012), over 32-bit words; its 64-bit state is held as
 * pairs of 32-bit halves. Returns the low 32 bits of the 64-bit tag, unsigned.
 */
export function sipHash(key: SipKey, message: readonly number[]): number {
  let v0l = key[0] ^ 0x70736575
  let v0h = key[1] ^ 0x736f6d65
  let v1l = key[2] ^ 0x6e646f6d
  let v1h = key[3] ^ 0x646f7261
  let v2l = key[0] ^ 0x6e657261
  let v2h = key[1] ^ 0x6c796765
  let v3l = key[2] ^ 0x79746573
  let v3h = key[3] ^ 0x74656462

  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      let low = (v0l >>> 0) + (v1l >>> 0)
      v0h = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0
      v0l = low | 0
      let t = v1l
      v1l = ((v1l << 13) | (v1h >>> 19)) ^ v0l
      v1h = ((v1h << 13) | (t >>> 19)) ^ v0h
      t = v0l
      v0l = v0h
      v0h = t
      low = (v2l >>> 0) + (v3l >>> 0)
      v2h = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0
      v2l = low | 0
      t = v3l
      v3l = ((v3l << 16) | (v3h >>> 16)) ^ v2l
      v3h = ((v3h << 16) | (t >>> 16)) ^ v2h
      low = (v0l >>> 0) + (v3l >>> 0)
      v0h = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0
      v0l = low | 0
      t = v3l
      v3l = ((v3l << 21) | (v3h >>> 11)) ^ v0l
      v3h = ((v3h << 21) | (t >>> 11)) ^ v0h
      low = (v2l >>> 0) + (v1l >>> 0)
      v2h = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0
      v2l = low | 0
      t = v1l
      v1l = ((v1l << 17) | (v1h >>> 15)) ^ v2l
      v1h = ((v1h << 17) | (t >>> 15)) ^ v2h
      t = v2l
      v2l = v2h
      v2h = t
    }
  }

  const absorb = (low: number, high: number): void => {
    v3l ^= low
    v3h ^= high
    rounds(2)
    v0l ^= low
    v0h ^= high
  }
  const words = message.length
  for (let i = 0; i + 1 < words; i += 2) absorb(message[i]! | 0, message[i + 1]! | 0)
  const length = (words * 4) << 24
  if (words % 2 === 1) absorb(message[words - 1]! | 0, length)
  else absorb(0, length)
  v2l ^= 0xff
  rounds(4)
  return (v0l ^ v1l ^ v2l ^ v3l) >>> 0
}
