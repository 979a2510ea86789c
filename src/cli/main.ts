#!/usr/bin/env node
import { run } from './run.ts'

const { argv, env, stdin, stdout, stderr } = process
process.exit(await run({ argv: argv.slice(2), env, stdin, stdout, stderr }))
