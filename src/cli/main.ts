#!/usr/bin/env node
import type { Writable } from 'node:stream'
import { run } from './run.ts'

/** Resolves when all that was written has left this process, or nobody wants it. */
const flushed = (stream: Writable): Promise<void> =>
  new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve()
    else stream.once('close', resolve).write('', () => resolve())
  })

const { argv, env, stdin, stdout, stderr } = process
const code = await run({ argv: argv.slice(2), env, stdin, stdout, stderr })
await Promise.all([flushed(stdout), flushed(stderr)])
process.exit(code)
