/** A source of randomness: uniform integers in [0, 2^32). Injected, never global. */
export type Rng = () => number

/** A small seeded generator (mulberry32): simulations are pure functions of their seed. Not for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
}

/** A number in [0, 1). */
export const fraction = (rng: Rng): number => rng() / 0x100000000
/** An integer in [0, bound). */
export const below = (rng: Rng, bound: number): number => Math.floor((rng() / 0x100000000) * bound)
/** True with probability `p`. */
export const chance = (rng: Rng, p: number): boolean => p > 0 && rng() < p * 0x100000000
