import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OUR_ADDRESS } from '../real/attachment.ts'
import { flood } from '../real/flood.ts'
import { pathUnavailable, RoutedPath } from '../real/routed.ts'
import { node, records, start } from './command.ts'

const PORT = 7000
const CLIENTS = 20

/** Connects again and again, and tells how many echoes came back. */
const CLIENT = `
  let good = 0, left = ${CLIENTS}
  const next = () => {
    if (left-- === 0) return console.log(good)
    const socket = require('node:net').connect(${PORT}, '${OUR_ADDRESS}', () => socket.end('hello'))
    socket.on('data', (data) => { good += String(data) === 'hello' }).on('error', () => {}).on('close', next)
  }
  next()`

describe('gotcp tcpserver under a flood of SYNs', { skip: pathUnavailable() }, () => {
  for (const [kind, ...args] of [
    ['the shared address'],
    ['an address of its own', '--ip', `${OUR_ADDRESS}/24`, '--gateway', '10.0.0.254', '-i', 'eth0'],
  ] as const) {
    it(`serves those who mean it, and says at the end what it did, on ${kind}`, async () => {
      const path = new RoutedPath()
      try {
        if (args.length === 0) path.shareAddress()
        else path.cable()
        const server = start(path.ours, 'tcpserver', String(PORT), '--json', ...args)
        await server.until(/listening/)
        const flooding = flood(path, PORT)
        const { stdout } = await node(path.kernel, CLIENT)
        assert.equal(Number(stdout), CLIENTS)
        await flooding
        server.interrupt()
        const ended = await server.ended
        assert.equal(ended.code, 0, ended.stderr)
        const summary = records(ended).find(({ event }) => event === 'summary')!
        assert.equal(summary['connections'], CLIENTS)
        assert.equal(summary['good'], CLIENTS)
        assert.ok((summary['syn_cookies_sent'] as number) > 1000)
      } finally {
        path.close()
      }
    })
  }
})
