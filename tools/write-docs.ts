// Writes the documents that are made from the code. Run: npm run docs
import { writeFileSync } from 'node:fs'
import { cliReference } from '../src/cli/reference.ts'
import { loadCommands } from '../src/cli/registry.ts'
import { toMermaid } from '../src/tcp/fsm.ts'
import { coveragePage } from './rfc/coverage.ts'
import { tunnelConfigPage } from './tunnel-config.ts'

export const statesPage = (): string => `# The states of a connection

Drawn from the table in \`src/tcp/fsm.ts\`, which is RFC 9293 Figure 5; \`npm run docs\` draws it again. From every state
but CLOSED and LISTEN a reset, an abort by the program, or a timeout leads to CLOSED.

\`\`\`mermaid
${toMermaid()}\`\`\`
`

if (process.argv[1]?.endsWith('write-docs.js')) {
  writeFileSync('docs/cli.md', cliReference(await loadCommands()))
  writeFileSync('docs/tcp-states.md', statesPage())
  writeFileSync('docs/rfc-coverage.md', coveragePage())
  writeFileSync('docs/tunnel-config.md', tunnelConfigPage())
}
