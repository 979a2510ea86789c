import { type Command, defineCommand, type Flag, flagsOf } from './command.ts'
import { dashed } from './parse.ts'
import { flatten, loadCommands } from './registry.ts'

/** What one command offers to the shell. */
interface Node {
  readonly path: string
  readonly words: readonly string[]
  readonly flags: readonly (readonly [string, Flag<unknown>])[]
  readonly commands: readonly Command[]
}

const nodesOf = (commands: readonly Command[]): readonly Node[] => [
  { path: '', words: commands.map((c) => c.name), flags: [], commands },
  ...flatten(commands).map(({ path, command }) => ({
    path,
    words: [
      ...(command.subcommands ?? []).map((sub) => sub.name),
      ...(command.positionals ?? []).flatMap((p) => p.choices ?? []),
    ],
    flags: Object.entries(flagsOf(command)),
    commands: command.subcommands ?? [],
  })),
]

const spellings = ([name, flag]: readonly [string, Flag<unknown>]): string[] => [
  dashed(name),
  ...(flag.short === undefined ? [] : [`-${flag.short}`]),
]
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
/** Read from /proc, which, unlike /sys, always shows the network namespace that the shell is in. */
const LIST_INTERFACES = String.raw`sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/net/dev 2>/dev/null`

/** How bash completes the value of a flag. */
function bashValue(flag: Flag<unknown>): string | undefined {
  if (flag.kind === undefined) return undefined
  if (flag.kind.choices !== undefined)
    return `COMPREPLY=($(compgen -W ${quoted(flag.kind.choices.join(' '))} -- "$word"))`
  if (flag.kind.complete === 'interface') return `COMPREPLY=($(compgen -W "$(${LIST_INTERFACES})" -- "$word"))`
  if (flag.kind.complete === 'file') return 'COMPREPLY=($(compgen -f -- "$word"))'
  return 'COMPREPLY=()'
}

/** The part that bash and zsh share: which command the words so far have reached. */
function walkCases(nodes: readonly Node[]): string[] {
  const steps = nodes.flatMap((node) => node.commands.map((c) => [node.path, c.name] as const))
  return steps.map(
    ([from, word]) => `      ${quoted(`${from}/${word}`)}) path=${quoted(from ? `${from} ${word}` : word)} ;;`,
  )
}

/** What differs between bash and zsh, whose scripts are alike. */
interface Dialect {
  /** The lines up to the body of the loop over the words typed so far. */
  readonly opening: readonly string[]
  /** The word the loop is at. */
  readonly word: string
  readonly value: (flag: Flag<unknown>) => string | undefined
  readonly offer: (words: readonly string[]) => string
  readonly closing: string
}

function caseScript(commands: readonly Command[], dialect: Dialect): string {
  const nodes = nodesOf(commands)
  const lines = [
    ...dialect.opening,
    `    case "$path/${dialect.word}" in`,
    ...walkCases(nodes),
    '    esac',
    '  done',
    '  case "$path" in',
  ]
  for (const node of nodes) {
    lines.push(`    ${quoted(node.path)})`, '      case "$previous" in')
    for (const entry of node.flags) {
      const value = dialect.value(entry[1])
      if (value !== undefined) lines.push(`        ${spellings(entry).join('|')}) ${value}; return ;;`)
    }
    lines.push('      esac', `      ${dialect.offer([...node.words, ...node.flags.flatMap(spellings)])} ;;`)
  }
  return [...lines, '  esac', '}', dialect.closing, ''].join('\n')
}

const bashScript = (commands: readonly Command[]): string =>
  caseScript(commands, {
    opening: [
      '# bash completion for gotcp:  source <(gotcp completion bash)',
      '_gotcp() {',
      '  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= i',
      '  for ((i = 1; i < COMP_CWORD; i++)); do',
    ],
    word: '${COMP_WORDS[i]}',
    value: bashValue,
    offer: (words) => `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$word"))`,
    closing: 'complete -F _gotcp gotcp',
  })

/** How zsh completes the value of a flag. */
function zshValue(flag: Flag<unknown>): string | undefined {
  if (flag.kind === undefined) return undefined
  if (flag.kind.choices !== undefined) return `compadd -- ${flag.kind.choices.map(quoted).join(' ')}`
  if (flag.kind.complete === 'interface') return `compadd -- $(${LIST_INTERFACES})`
  if (flag.kind.complete === 'file') return '_files'
  return '_message value'
}

const zshScript = (commands: readonly Command[]): string =>
  caseScript(commands, {
    opening: [
      '#compdef gotcp',
      '# zsh completion for gotcp:  source <(gotcp completion zsh)',
      '_gotcp() {',
      '  local previous=$words[CURRENT-1] path= i',
      '  for ((i = 2; i < CURRENT; i++)); do',
    ],
    word: '$words[i]',
    value: zshValue,
    offer: (words) => `compadd -- ${words.map(quoted).join(' ')}`,
    closing: 'compdef _gotcp gotcp',
  })

/** The condition under which fish offers what stands below `path`. */
function fishCondition(node: Node): string {
  const own = node.path.split(' ').filter(Boolean)
  const seen = own.map((word) => `__fish_seen_subcommand_from ${word}`)
  const below = node.commands.map((c) => c.name)
  if (below.length > 0) seen.push(`not __fish_seen_subcommand_from ${below.join(' ')}`)
  return seen.join('; and ') || 'true'
}

function fishScript(commands: readonly Command[]): string {
  const lines = ['# fish completion for gotcp:  gotcp completion fish | source', 'complete -c gotcp -f']
  for (const node of nodesOf(commands)) {
    const base = `complete -c gotcp -n ${quoted(fishCondition(node))}`
    for (const c of node.commands) lines.push(`${base} -a ${quoted(c.name)} -d ${quoted(c.summary)}`)
    for (const word of node.words.filter((w) => !node.commands.some((c) => c.name === w)))
      lines.push(`${base} -a ${quoted(word)}`)
    for (const [name, flag] of node.flags) {
      const short = flag.short === undefined ? '' : ` -s ${flag.short}`
      lines.push(`${base} -l ${name}${short}${fishValue(flag)} -d ${quoted(flag.summary)}`)
    }
  }
  return [...lines, ''].join('\n')
}

function fishValue(flag: Flag<unknown>): string {
  if (flag.kind === undefined) return ''
  if (flag.kind.choices !== undefined) return ` -x -a ${quoted(flag.kind.choices.join(' '))}`
  if (flag.kind.complete === 'interface') return ` -x -a ${quoted(`(${LIST_INTERFACES})`)}`
  return flag.kind.complete === 'file' ? ' -r -F' : ' -x'
}

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript }

export const command = defineCommand({
  name: 'completion',
  group: 'Help',
  summary: 'print a completion script for the shell',
  examples: [
    { command: 'source <(gotcp completion bash)', says: 'commands, flags and interface names on TAB, in this shell' },
    { command: 'gotcp completion fish | source', says: 'the same in fish' },
  ],
  flags: {},
  positionals: [
    { name: 'SHELL', summary: 'which shell the script is for', required: true, choices: Object.keys(SCRIPTS) },
  ],
  async run(args, io) {
    io.output.raw(SCRIPTS[args._[0] as keyof typeof SCRIPTS](await loadCommands()))
    return 0
  },
})
