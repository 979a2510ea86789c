// Writes the documents that are made from the code. Run: npm run docs
import { writeFileSync } from 'node:fs'
import { cliReference } from '../src/cli/reference.ts'
import { loadCommands } from '../src/cli/registry.ts'

writeFileSync('docs/cli.md', cliReference(await loadCommands()))
