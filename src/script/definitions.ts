import { type Token, tokensOf } from './tokens.ts'

/** What words of a script stand for: `TFO_COOKIE` for `3021b9d889017eeb`. A value in quotes is a text. */
export type Definitions = ReadonlyMap<string, string>

/**
 * Takes a script apart with its defined words replaced; a definition is one token. Those of the script's own
 * `--define=NAME=value` lines count from its beginning, and after those given.
 */
export function tokensWith(source: string, given: Definitions): Token[] {
  const tokens = tokensOf(source)
  const all = new Map([...ownDefinitions(tokens), ...given])
  return all.size === 0 ? tokens : tokens.map((token, i) => replaced(token, tokens[i - 1], all))
}

/** The script's own. */
function* ownDefinitions(tokens: readonly Token[]): Iterable<[name: string, value: string]> {
  for (let i = 0; i < tokens.length; i++) {
    const [option, equals, name, second, value] = tokens.slice(i, i + 5)
    const isDefinition = option?.kind === 'option' && option.text === 'define' && equals?.text === '='
    if (isDefinition && second?.text === '=' && name !== undefined && value !== undefined) {
      yield [name.text, value.kind === 'text' ? `"${value.text}"` : value.text]
    }
  }
}

function replaced(token: Token, before: Token | undefined, definitions: Definitions): Token {
  const value = token.kind === 'word' ? definitions.get(token.text) : undefined
  // Not in `NAME=value` behind an option, where it is being defined.
  if (value === undefined || before?.text === '=') return token
  const [{ kind, text }] = tokensOf(value) as [Token]
  return { ...token, kind, text }
}
