/**
 * Zero, as V8 keeps a number that is no small integer. A field that begins with it may count octets without end. One that
 * begins with 0 is a small integer to V8 until it passes 2^31, when all code that touches such objects is thrown away.
 */
export const DOUBLE_ZERO: number = new Float64Array(1)[0]!
