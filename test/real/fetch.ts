import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

import type { TcpListener } from '../../src/stack/tcp-listener.ts'
import { OUR_ADDRESS } from './attachment.ts'
import { type LabHost, outputOf } from './netns.ts'

/** Of a version that knows Fast Open. */
export const hasCurl =
  spawnSync('curl', ['--help', 'all'], { encoding: 'utf8' }).stdout?.includes('--tcp-fastopen') === true

/** What curl prints of a page, asked for with Fast Open, that `listener` serves. */
export async function fetchFast(kernel: LabHost, listener: TcpListener): Promise<string> {
  const curl = kernel.spawn('curl', '-s', '--tcp-fastopen', `http://${OUR_ADDRESS}:${listener.localPort}/`)
  const socket = await listener.accept()
  assert.match(Buffer.from((await socket.read())!).toString(), /^GET \/ HTTP/)
  await socket.write('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')
  socket.end()
  return outputOf(curl)
}
