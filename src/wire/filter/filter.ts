import { type FrameBytes, FrameLayers } from '../layers.ts'
import { FilterParser } from './parser.ts'
import type { Predicate } from './predicates.ts'

/** Tells which frames are wanted. */
export class Filter {
  readonly #predicate: Predicate
  readonly #packet = new FrameLayers()

  constructor(predicate: Predicate) {
    this.#predicate = predicate
  }

  /** Never throws; a condition on bytes that were not captured is false. */
  matches(frame: FrameBytes): boolean {
    this.#packet.load(frame)
    return this.#predicate(this.#packet)
  }
}

/**
 * Compiles a subset of libpcap's filter language, the common part of it; an
 * empty expression wants everything.
 * @throws FilterSyntaxError
 */
export function compileFilter(expression: string): Filter {
  if (expression.trim() === '') return new Filter(() => true)
  return new Filter(new FilterParser(expression).parse())
}
