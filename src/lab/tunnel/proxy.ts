// The SOCKS5 proxy of the tunnel's lab: connects whoever asks to where he asks, without a password.
import { connect, createServer, type Socket } from 'node:net'
import { Command } from '../../transport/socks5-wire.ts'
import { SocksHandshake, SocksReply, socksReply } from '../../tunnel/services/socks-handshake.ts'
import { fail, say, serveParent } from './child.ts'
import { PROXY_PORT } from './plan.ts'

/** Reads what a client wants, and does it. */
function serve(client: Socket): void {
  const handshake = new SocksHandshake(undefined)
  const onData = (chunk: Buffer): void => {
    const { say: words, wish, rest, failure } = handshake.push(chunk)
    if (words !== undefined) client.write(words)
    if (failure !== undefined || (wish !== undefined && wish.command !== Command.CONNECT)) client.destroySoon()
    if (wish?.command !== Command.CONNECT) return
    client.off('data', onData).pause()
    if (rest !== undefined && rest.length > 0) client.unshift(rest)
    join(client, connect({ ...wish.to, noDelay: true, allowHalfOpen: true }))
  }
  client.on('data', onData).on('error', () => client.destroy())
}

/** One is gone: so is the other. */
function join(client: Socket, target: Socket): void {
  let isConnected = false
  target.once('connect', () => {
    isConnected = true
    client.write(socksReply(SocksReply.GRANTED))
    client.pipe(target).pipe(client)
  })
  target.once('error', () => {
    if (!isConnected) client.write(socksReply(SocksReply.HOST_UNREACHABLE))
  })
  target.once('close', () => client.destroySoon())
  client.once('close', () => target.destroy())
}

serveParent(() => {})
createServer({ noDelay: true, allowHalfOpen: true }, serve)
  .on('error', fail)
  .listen(PROXY_PORT, () => say('ready'))
