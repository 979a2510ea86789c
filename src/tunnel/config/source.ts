import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { formatKey, type Problem } from './problem.ts'

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

type Path = readonly PropertyKey[]

/** More aliases than this many nodes make a file into a bomb. */
const MOST_ALIASES = 100
const MERGE = '<<'
const VARIABLE = /\$\$\{|\$\{([^}]*)\}/g
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** A YAML (or JSON) text whose values know the line they stand on. `problems` holds what is wrong with the text itself. */
export class Source {
  readonly file: string
  /** The values, as plain objects; undefined when the text is no YAML. */
  readonly value: unknown
  readonly problems: Problem[] = []
  readonly #document: Document.Parsed
  readonly #lines = new LineCounter()
  readonly #keyPlaces = new Map<YAMLMap, Map<string, number>>()

  /**
   * Reads a text. Every `${NAME}` in a string is replaced by that variable of `env`, `$${` is a plain `${`; without an
   * `env` strings stand as they are.
   */
  constructor(file: string, text: string, env?: Environment) {
    this.file = file
    // Its own look for keys that are there twice compares each with each: 20,000 keys took it seven seconds.
    const how = { lineCounter: this.#lines, prettyErrors: false, merge: true, uniqueKeys: false }
    this.#document = parseDocument(text, how)
    const { errors, warnings } = this.#document
    // What follows a mistake in the syntax is mostly its consequence.
    const [broken] = errors
    for (const { code, message, pos } of broken === undefined ? warnings : [broken]) {
      this.problems.push(this.#at(pos[0], '', yamlProblem(code, message, around(text, pos[0]))))
    }
    if (broken !== undefined) return
    this.#noteRepeated()
    if (env !== undefined) this.#interpolate(env)
    if (this.#isPlain()) this.value = this.#toPlain()
  }

  /** A problem with the value at a path; where there is none, with the nearest thing that holds it. */
  problem(path: Path, text: string): Problem {
    return this.#at(this.#offset(path), formatKey(path), text)
  }

  /** A problem with a key of the mapping at a path. */
  keyProblem(path: Path, key: string, text: string): Problem {
    return this.#at(this.#keyOffset(path, key), formatKey(path), text)
  }

  /** The plain value at a path. */
  valueAt(path: Path): unknown {
    let value = this.value
    for (const part of path) {
      if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined
      value = (value as Record<PropertyKey, unknown>)[part]
    }
    return value
  }

  #at(offset: number, key: string, text: string): Problem {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col), key, text }
  }

  #offset(path: Path): number {
    let node: unknown = this.#document.contents
    let offset = (node as Node | null)?.range?.[0] ?? 0
    for (const part of path) {
      const next: unknown = isMap(node) || isSeq(node) ? node.get(part as string | number, true) : undefined
      if (next === undefined || next === null) return offset
      node = next
      offset = (node as Node).range?.[0] ?? offset
    }
    return offset
  }

  #keyOffset(path: Path, key: string): number {
    const holder = path.length === 0 ? this.#document.contents : this.#document.getIn(path as unknown[], true)
    return (isMap(holder) ? this.#keysOf(holder).get(key) : undefined) ?? this.#offset(path)
  }

  /** Where each key of a mapping stands first. */
  #keysOf(holder: YAMLMap): ReadonlyMap<string, number> {
    let places = this.#keyPlaces.get(holder)
    if (places === undefined) {
      places = new Map()
      for (const { key } of [...holder.items].reverse())
        if (isScalar(key)) places.set(String(key.value), key.range?.[0] ?? 0)
      this.#keyPlaces.set(holder, places)
    }
    return places
  }

  #noteRepeated(): void {
    visit(this.#document, {
      Map: (_key, { items }) => {
        const seen = new Set<unknown>()
        for (const { key } of items) {
          // A merge key may be there as often as there is something to merge.
          if (!isScalar(key) || key.value === MERGE) continue
          if (seen.has(key.value)) this.problems.push(this.#at(key.range?.[0] ?? 0, '', REPEATED))
          seen.add(key.value)
        }
      },
    })
  }

  #interpolate(env: Environment): void {
    visit(this.#document, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return
        node.value = node.value.replaceAll(VARIABLE, (whole, name: string | undefined) => {
          if (name === undefined) return '${'
          const value = env[name]
          if (value === undefined) this.problems.push(this.#at(node.range?.[0] ?? 0, '', missingVariable(whole, name)))
          return value ?? ''
        })
      },
    })
  }

  /** Whether every alias stands for something, and every key is a word; notes those that are not. */
  #isPlain(): boolean {
    let isPlain = true
    const note = (node: Node, text: string): void => {
      isPlain = false
      this.problems.push(this.#at(node.range?.[0] ?? 0, '', text))
    }
    visit(this.#document, {
      Alias: (_key, node) => {
        if (node.resolve(this.#document) === undefined) note(node, UNQUOTED)
      },
      Pair: (_key, { key }) => {
        if (isCollection(key)) note(key, BRACKET)
      },
    })
    return isPlain
  }

  #toPlain(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MOST_ALIASES })
    } catch (error) {
      this.problems.push(this.#at(0, '', `cannot be read: ${(error as Error).message}`))
      return undefined
    }
  }
}

const missingVariable = (whole: string, name: string): string =>
  VARIABLE_NAME.test(name)
    ? `the environment has no variable ${name}; set it, or write $\${ for a plain \${`
    : `${whole} names no variable; write $\${ for a plain \${`

const BRACKET = 'an address that begins with a bracket wants quotes around it: "[::1]:7000"'
const UNQUOTED = 'a value that begins with one of * & ! | > % @ ` wants quotes around it'

const REPEATED = 'this key is there twice; keep one of the two'

/** How V8 says that a parser that calls itself for each level has met too many. */
const TOO_DEEP = 'Maximum call stack size exceeded'

const YAML_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ['TAB_AS_INDENT', 'a tab where YAML wants spaces; indent with spaces'],
  ['MULTIPLE_DOCS', 'a second document begins here; a configuration is one: remove the ---'],
  ['BAD_SCALAR_START', UNQUOTED],
  ['TAG_RESOLVE_FAILED', UNQUOTED],
  [
    'UNEXPECTED_TOKEN',
    'not YAML: something stands here that does not belong; a value with quotes in it wants others around it',
  ],
])

/** What stands around a mistake, as far as it tells which one it is. */
function around(text: string, offset: number): 'variable' | 'bracket' | undefined {
  if (text.slice(offset - 1, offset + 1) === '${') return 'variable'
  return /\[[\w:.%]*\]$/.test(text.slice(0, offset)) ? 'bracket' : undefined
}

/** What a YAML error means here. The text at its place, which may be a password, is not repeated. */
function yamlProblem(code: string, message: string, place: ReturnType<typeof around>): string {
  if (place === 'variable') return 'not YAML; between { } and [ ] put a variable in quotes: "${NAME}"'
  if (place === 'bracket') return `not YAML; ${BRACKET}`
  if (message.startsWith(TOO_DEEP))
    return 'hundreds of levels lie within each other here; is it a configuration at all?'
  return YAML_PROBLEMS.get(code) ?? `not YAML: ${message.split(/[:\n]/)[0]!.replace(/\.$/, '')}`
}
