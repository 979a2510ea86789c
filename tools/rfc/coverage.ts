import { readdirSync, readFileSync } from 'node:fs'

/** One thing a document asks for. */
export interface Requirement {
  /** The number of the RFC. */
  readonly rfc: number
  /** How code and tests name it: RFC 9293's own label, else the section. */
  readonly key: string
  readonly section: string
  readonly text: string
  /** Why it is not met, when it is not. */
  readonly not: string | undefined
}

/** A place that speaks of a requirement. */
interface Place {
  readonly file: string
  /** The title of the test, or undefined for code. */
  readonly title: string | undefined
}

/** Where each `RFC n key` is spoken of. */
export interface Citations {
  readonly code: ReadonlyMap<string, readonly Place[]>
  readonly tests: ReadonlyMap<string, readonly Place[]>
}

const LABEL = /\b(?:MUST|SHLD|MAY|REC)-\d+\b/g
/** `RFC 8985 §6.2 step 4`, `RFC 6298 (5.3)`, and a bare `§5.3` after either in the same comment. */
const CITATION = /RFC (\d+)|(?:§|\((?=\d+\.\d))(\d+(?:\.\d+)*)\)?(?:,? step (\d+))?/g

/** Reads `requirements.txt`: a heading for each document, a line for each requirement, "not:" beneath what is not met. */
export function parseRequirements(text: string): { titles: Map<number, string>; requirements: Requirement[] } {
  const titles = new Map<number, string>()
  const requirements: Requirement[] = []
  let rfc = 0
  for (const line of text.split('\n')) {
    const heading = /^RFC (\d+) (.+)$/.exec(line)
    const entry = /^(?:([A-Z]+-\d+) )?(§[\d.]+(?: step \d+)?) (.+)$/.exec(line)
    const not = /^\s+not: (.+)$/.exec(line)
    if (heading) {
      rfc = Number(heading[1])
      titles.set(rfc, heading[2]!)
    } else if (entry) {
      const section = entry[2]!
      requirements.push({ rfc, key: entry[1] ?? section, section, text: entry[3]!, not: undefined })
    } else if (not) requirements.push({ ...requirements.pop()!, not: not[1] })
    else if (line !== '' && !line.startsWith('#')) throw new SyntaxError(`Cannot read the requirement "${line}"`)
  }
  return { titles, requirements }
}

/** The keys, as `RFC n key`, that a text names; a deeper section names the ones above it, too. */
export function citedIn(text: string): Set<string> {
  const keys = new Set<string>()
  for (const [label] of text.matchAll(LABEL)) keys.add(`RFC 9293 ${label}`)
  let rfc = ''
  for (const match of text.matchAll(CITATION)) {
    if (match[1] !== undefined) rfc = match[1]
    else if (rfc !== '') {
      const parts = match[2]!.split('.')
      for (let depth = parts.length; depth > 0; depth--) keys.add(`RFC ${rfc} §${parts.slice(0, depth).join('.')}`)
      if (match[3] !== undefined) keys.add(`RFC ${rfc} §${match[2]} step ${match[3]}`)
    }
  }
  return keys
}

/** The comments of a source text, each run of line comments as one. */
const comments = (text: string): string[] => text.match(/\/\*[\s\S]*?\*\/|(?:[^\S\n]*\/\/.*\n)+|\/\/.*/g) ?? []

/** The titles of a test file, each with those of the groups around it. */
function titles(text: string): string[] {
  const groups: { indent: number; title: string }[] = []
  const found: string[] = []
  for (const match of text.matchAll(/^(\s*)(describe|it|test)\(\s*(['"`])((?:\\.|(?!\3).)*)\3/gm)) {
    const indent = match[1]!.replace('\n', '').length
    const title = match[4]!.replaceAll('\\', '')
    while (groups.length > 0 && groups.at(-1)!.indent >= indent) groups.pop()
    if (match[2] === 'describe') groups.push({ indent, title })
    else found.push([...groups.map((group) => group.title), title].join(': '))
  }
  return found
}

/** Files beneath `folder` with one of the endings, sorted. */
const filesIn = (folder: string, ...endings: string[]): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => endings.some((ending) => file.endsWith(ending)))
    .sort()
    .map((file) => `${folder}/${file}`)

/** Looks through `src` for comments, through `test` for titles, and through packet scripts for comments. */
export function findCitations(): Citations {
  const code = new Map<string, Place[]>()
  const tests = new Map<string, Place[]>()
  const note = (map: Map<string, Place[]>, text: string, place: Place): void => {
    for (const key of citedIn(text)) {
      const places = map.get(key) ?? []
      if (!places.some((known) => known.file === place.file && known.title === place.title)) places.push(place)
      map.set(key, places)
    }
  }
  for (const file of filesIn('src', '.ts')) {
    for (const comment of comments(readFileSync(file, 'utf8'))) note(code, comment, { file, title: undefined })
  }
  for (const file of filesIn('test', '.test.ts')) {
    for (const title of titles(readFileSync(file, 'utf8'))) note(tests, title, { file, title })
  }
  for (const file of filesIn('test', '.pkt')) {
    const words = readFileSync(file, 'utf8').match(/(?:^|\s)(?:\/\/|#).*/gm) ?? []
    note(tests, words.join('\n'), { file, title: words[0]?.replace(/^\s*(?:\/\/|#)\s*/, '') })
  }
  return { code, tests }
}

const link = (file: string): string => `[${file.split('/').slice(1).join('/')}](../${file})`

/** A cell with the first places, and how many more there are. */
function cell(places: readonly Place[] | undefined, most: number): string {
  if (places === undefined) return ''
  const shown = places.slice(0, most).map(({ file, title }) => {
    const words = title === undefined ? '' : `: ${title.replaceAll('|', '\\|').replaceAll('<', '&lt;')}`
    return `${link(file)}${words}`
  })
  if (places.length > most) shown.push(`${places.length - most} more`)
  return shown.join('<br>')
}

/** The page docs/rfc-coverage.md. */
export function coveragePage(): string {
  const { titles: names, requirements } = parseRequirements(readFileSync('tools/rfc/requirements.txt', 'utf8'))
  const { code, tests } = findCitations()
  const sections: string[] = []
  let shown = 0
  let unmet = 0
  for (const [rfc, name] of names) {
    const rows = requirements
      .filter((requirement) => requirement.rfc === rfc)
      .map((requirement) => {
        const id = `RFC ${rfc} ${requirement.key}`
        const where = cell(code.get(id), 3)
        const test = cell(tests.get(id), 2)
        if (requirement.not !== undefined) unmet++
        else if (test !== '') shown++
        const key =
          requirement.key === requirement.section ? requirement.key : `${requirement.key} ${requirement.section}`
        const proof = requirement.not === undefined ? test : `not met: ${requirement.not}`
        return `| ${key} | ${requirement.text} | ${where} | ${proof} |`
      })
    sections.push(`## RFC ${rfc}: ${name}\n\n| | asks | code | shown by |\n|---|---|---|---|\n${rows.join('\n')}\n`)
  }
  return `# What the documents ask, where the code does it, and what shows it

Made by \`npm run docs\` from \`tools/rfc/requirements.txt\`, the comments in \`src\` and the titles of the tests; a test
keeps it true. A test named here has the section in its title.
Of ${requirements.length} requirements ${shown} are shown by a test and ${unmet} are not met, each with its reason.

${sections.join('\n')}`
}
