// Checks the rules of the house (docs/architecture.md). Run: node dist/tools/check-layers.js src
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { importsOf, scan } from './scan.ts'

const PURE = ['base', 'wire', 'link', 'arp', 'ip', 'icmp', 'udp', 'tcp', 'stack', 'script', 'session']
const IMPURE = ['driver', 'worker', 'net', 'transport', 'tunnel', 'lab', 'cli']
/** A folder imports itself and what stands before it. */
export const LAYERS: readonly string[] = [...PURE, ...IMPURE]

/** Clocks, randomness, timers and input or output: what the pure part may not name. */
const GLOBALS = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'performance',
  'process',
  'console',
  'Buffer',
  'crypto',
  'fetch',
  'require',
  'globalThis',
  'global',
]
const FORBIDDEN = new RegExp(
  `(?<![.\\w$])(?:${GLOBALS.join('|')})(?![\\w$])|(?<![.\\w$])Math(?![\\w$])(?!\\s*\\.\\s*(?!random\\b)\\w)`,
  'g',
)

/** A file's path from the root of the sources, with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Every breach of the rules, one sentence each. */
export function checkLayers(files: readonly SourceFile[]): string[] {
  const problems: string[] = []
  const edges = new Map<string, string[]>()
  for (const file of files) {
    const source = scan(file.text)
    const layer = file.path.includes('/') ? file.path.split('/')[0]! : undefined
    if (layer === undefined) continue
    if (!LAYERS.includes(layer)) {
      problems.push(`${file.path}: "${layer}" is not a known layer`)
      continue
    }
    const within: string[] = []
    for (const { specifier, isLazy } of importsOf(source)) {
      if (!specifier.startsWith('.')) {
        if (PURE.includes(layer)) problems.push(`${file.path}: the pure part imports ${specifier}`)
        continue
      }
      const target = normalize(join(dirname(file.path), specifier))
        .split(sep)
        .join('/')
      const targetLayer = target.split('/')[0]!
      if (!target.includes('/') || LAYERS.indexOf(targetLayer) > LAYERS.indexOf(layer)) {
        problems.push(`${file.path}: ${layer} may not import ${target}, which stands after it`)
      } else if (!LAYERS.includes(targetLayer)) {
        problems.push(`${file.path}: imports ${target}, which is outside the layers`)
      } else if (targetLayer === layer && !isLazy) within.push(target)
    }
    edges.set(file.path, within)
    if (PURE.includes(layer)) {
      for (const match of source.code.matchAll(FORBIDDEN)) {
        const line = source.code.slice(0, match.index).split('\n').length
        problems.push(`${file.path}:${line}: the pure part uses ${match[0] === 'Math' ? 'Math.random' : match[0]}`)
      }
    }
  }
  return [...problems, ...circles(edges)]
}

/** The import circles among files, each once. */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file)
    if (at >= 0) found.push(`import circle: ${[...trail.slice(at), file].join(' -> ')}`)
    if (at >= 0 || done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of edges.keys()) visit(file, [])
  return found
}

const readSources = (root: string): SourceFile[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path: path.split(sep).join('/'), text: readFileSync(join(root, path), 'utf8') }))

if (process.argv[1]?.endsWith('check-layers.js')) {
  const files = readSources(process.argv[2] ?? 'src')
  const problems = checkLayers(files)
  for (const problem of problems) console.error(problem)
  console.log(`layers: ${files.length} files, ${problems.length} problems`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
