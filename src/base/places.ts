const CELL_BITS = 9
/** Of the places that begin in one run of this many bytes, only one is kept. */
export const CELL = 1 << CELL_BITS

/**
 * Views into memory that is filled again and again, so that what lies in it lies where something lay before: views are
 * kept and given again. Another place takes the cell of one that was kept when it is asked for twice running.
 */
export class Places {
  readonly bytes: Uint8Array
  readonly #views: (Uint8Array | undefined)[]
  /** The place in each cell that was asked for last. */
  readonly #froms: Int32Array
  readonly #lengths: Int32Array

  constructor(bytes: Uint8Array) {
    const cells = (bytes.length >>> CELL_BITS) + 1
    this.bytes = bytes
    this.#views = new Array<Uint8Array | undefined>(cells).fill(undefined)
    this.#froms = new Int32Array(cells)
    this.#lengths = new Int32Array(cells)
  }

  /** `bytes[from, from + length)`. */
  view(from: number, length: number): Uint8Array {
    const cell = from >>> CELL_BITS
    const known = this.#views[cell]
    if (known !== undefined && known.byteOffset === this.bytes.byteOffset + from && known.length === length)
      return known
    const view = this.bytes.subarray(from, from + length)
    const isAgain = this.#froms[cell] === from && this.#lengths[cell] === length
    if (known === undefined || isAgain) this.#views[cell] = view
    this.#froms[cell] = from
    this.#lengths[cell] = length
    return view
  }
}

export const NO_PLACES = new Places(new Uint8Array(0))
