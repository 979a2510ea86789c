import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { listenArguments } from '../../src/net/listen-arguments.ts'
import { stacks } from './worlds.ts'

const run = promisify(execFile)

describe('Server.listen() over a stack', () => {
  it('takes every form of its arguments', () => {
    const callback = (): void => undefined
    for (const [given, expected] of [
      [[], [{ port: 0 }]],
      [[callback], [{ port: 0 }, callback]],
      [[80], [{ port: 80 }]],
      [
        ['80', callback],
        [{ port: '80' }, callback],
      ],
      [[80, 10], [{ port: 80, backlog: 10 }]],
      [
        [80, 'here', 10, callback],
        [{ port: 80, host: 'here', backlog: 10 }, callback],
      ],
      [[80, undefined, 10], [{ port: 80, backlog: 10 }]],
      [
        [{ port: 80, host: 'here' }, callback],
        [{ port: 80, host: 'here' }, callback],
      ],
      [[{ port: 80, path: '/tmp/pipe', fd: -1 }], [{ port: 80, path: '/tmp/pipe', fd: -1 }]],
      [[Object.create({ port: 80 })], [{ port: 80 }]],
    ] as const) {
      const [options, ...rest] = expected
      assert.deepEqual(listenArguments(given), [{ ...options, exclusive: true }, ...rest])
    }
  })

  it('refuses what no stack has', () => {
    const { netB, close } = stacks()
    const code = 'ERR_INVALID_ARG_VALUE'
    for (const [given, message] of [
      ['/tmp/pipe', 'Cannot listen on "/tmp/pipe": a stack has no pipes. Give a port'],
      [{ path: '/tmp/pipe' }, 'Cannot listen on "/tmp/pipe": a stack has no pipes. Give a port'],
      [{ fd: 3 }, 'Cannot listen on 3: a stack has no descriptors. Give a port'],
      [{ _handle: {} }, 'Cannot listen on a handle: a stack has no handles. Give a port'],
    ] as const) {
      assert.throws(() => netB.createServer().listen(given as never), { name: /TypeError/, code, message })
    }
    close()
  })

  it("opens no port of the kernel's in a worker of a cluster", { timeout: 20_000 }, async () => {
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'cluster-main.js')])
    assert.equal(stdout, 'from the stack, ECONNREFUSED\n')
  })
})
