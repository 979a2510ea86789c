import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Running } from '../e2e/command.ts'
import { createLab, labUnavailable } from '../real/netns.ts'

const PRIMES = join(import.meta.dirname, '../../app/worker/primes.js')
const CLIENT = `
  const socket = require('net').connect(8080, '10.0.0.2', () => socket.end('10\\n100000\\n'))
  socket.pipe(process.stdout)`

describe('app/worker, against the kernel', { skip: labUnavailable() }, () => {
  it('primes.js answers, and ends with SIGTERM', { timeout: 60_000 }, async () => {
    const lab = createLab({ hosts: ['node1'] })
    try {
      const server = new Running(lab.host('node1'), [process.execPath, PRIMES])
      await server.until(/listening/)
      assert.equal(await lab.host('node1').node(CLIENT), '4\n9592\n')
      server.child.kill('SIGTERM')
      assert.equal((await server.ended).code, 0)
    } finally {
      lab.close()
    }
  })
})
