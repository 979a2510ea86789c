import { below, chance, type Rng } from '../../src/base/rng.ts'
import { CORPUS } from './corpus.ts'

/** How many frames a fuzz test tries: GOTCP_FUZZ, or enough for every run. */
export const FUZZ_FRAMES = Number(process.env['GOTCP_FUZZ'] ?? 200_000)

/** Values that break length fields. */
const EDGES: readonly number[] = [0, 1, 2, 3, 4, 5, 0x0f, 0x45, 0x4f, 0x7f, 0x80, 0xc0, 0xff]

/** A frame of the corpus with bytes changed, cut off, doubled or put together with another; or mere noise. */
export function mutant(rng: Rng): Uint8Array {
  if (chance(rng, 0.05)) return Uint8Array.from({ length: below(rng, 200) }, () => rng() & 255)
  let bytes = CORPUS[below(rng, CORPUS.length)]!.slice()
  if (chance(rng, 0.1)) {
    const other = CORPUS[below(rng, CORPUS.length)]!
    const cut = below(rng, bytes.length + 1)
    bytes = Uint8Array.from([...bytes.subarray(0, cut), ...other.subarray(below(rng, other.length))])
  }
  for (let changes = below(rng, 6); changes > 0 && bytes.length > 0; changes--) {
    // Headers are where the decisions are.
    const at = chance(rng, 0.8) ? below(rng, Math.min(80, bytes.length)) : below(rng, bytes.length)
    bytes[at] = chance(rng, 0.5) ? EDGES[below(rng, EDGES.length)]! : rng()
  }
  return chance(rng, 0.3) ? bytes.subarray(0, below(rng, bytes.length + 1)) : bytes
}
