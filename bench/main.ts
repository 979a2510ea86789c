// The benchmarks. Run: npm run bench [-- WORD] [FLAGS]
import { COMMANDS, USAGE } from './commands.ts'

const [word = '', ...rest] = process.argv.slice(2)
const hasWord = word !== '' && Object.hasOwn(COMMANDS, word)
if (process.argv.includes('--help')) console.log(USAGE)
else if (hasWord) await COMMANDS[word]!.run(rest)
else await COMMANDS['']!.run(process.argv.slice(2))
