import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { HandshakeError } from '../../../src/tunnel/auth/handshake-error.ts'
import { SessionRegistry } from '../../../src/tunnel/auth/session-registry.ts'
import { writeRefuse } from '../../../src/tunnel/handshake/messages.ts'
import { SessionSecret } from '../../../src/tunnel/handshake/session-secret.ts'
import { ADA, authenticate, CHANNEL, clientEnd, LIMITS, OTHER_CHANNEL, relay, World } from './ends.ts'

const PAGE = join(import.meta.dirname, '../../../../docs/session-handshake.md')

/** Octets that count up from `first`: what stands for chance in the vectors. */
const countingFrom = (first: number) => (octets: number) =>
  Uint8Array.from({ length: octets }, (_, i) => (first + i) & 0xff)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What each side said, message by message. */
function messages(names: readonly string[], ...said: readonly Buffer[]): [string, string][] {
  const stream = Buffer.concat(said)
  let at = 0
  return names.map((name) => {
    const length = 3 + stream.readUInt16BE(at + 1)
    at += length
    return [name, hex(stream.subarray(at - length, at))]
  })
}

/** The handshakes of the page, in its order. */
async function computed(): Promise<Map<string, [string, string][]>> {
  const world = await World.create()
  const sessions = new SessionRegistry<SessionSecret>({ random: countingFrom(0x40) })
  const run = async (wish: Parameters<typeof clientEnd>[0] & object, binding: Uint8Array | undefined) => {
    const client = clientEnd({ ...wish, binding, random: countingFrom(0x20) })
    const server = world.server({ binding, sessions, random: countingFrom(0) })
    const said: { client: Buffer[]; server: Buffer[] } = { client: [], server: [] }
    const record = (end: { events: { send: (bytes: Uint8Array) => void } }, list: Buffer[]): void => {
      const { send } = end.events
      end.events.send = (bytes) => {
        list.push(Buffer.from(bytes))
        send(bytes)
      }
    }
    said.server.push(...server.sent)
    record(client, said.client)
    record(server, said.server)
    await relay(client, server)
    return { client, said }
  }
  const session = async (binding: Uint8Array | undefined): Promise<[string, string][]> => {
    const { said } = await run({ wish: authenticate(ADA, Buffer.alloc(16, 7)) }, binding)
    const fromServer = messages(['GREETING', 'CHALLENGE', 'WELCOME'], ...said.server)
    const fromClient = messages(['HELLO', 'AUTH', 'PROOF'], ...said.client)
    const order = ['GREETING', 'HELLO', 'AUTH', 'CHALLENGE', 'PROOF', 'WELCOME']
    const all = new Map([...fromServer, ...fromClient])
    return order.map((name) => [name, all.get(name)!])
  }
  const blocks = new Map<string, [string, string][]>()
  blocks.set('A new session inside TLS', [['binding', hex(CHANNEL)], ...(await session(CHANNEL))])
  blocks.set('A new session without TLS', await session(undefined))
  const secret = Buffer.from(countingFrom(0x60)(32))
  const registered = sessions.create(
    { user: 'ada', instance: Buffer.alloc(16, 9), secret: new SessionSecret(secret), limits: LIMITS, clientCredit: 1 },
    9,
  )!
  const wish = { kind: 'join', session: { id: registered.id, secret: new SessionSecret(secret) }, pathId: 5 } as const
  const { said } = await run({ wish }, OTHER_CHANNEL)
  const [greeting, accept] = messages(['GREETING', 'ACCEPT'], ...said.server)
  const joining: [string, string][] = [
    ['binding', hex(OTHER_CHANNEL)],
    ['secret', hex(secret)],
  ]
  blocks.set('Another path', [...joining, greeting!, ...messages(['HELLO', 'JOIN'], ...said.client), accept!])
  blocks.set('A refusal', [
    ['REFUSE', hex(writeRefuse('banned', new HandshakeError('banned', { retryAfter: 9500 }).retryAfter))],
  ])
  return blocks
}

/** The blocks of the page as they stand there. */
function written(): Map<string, [string, string][]> {
  const section = readFileSync(PAGE, 'utf8').split('\n## Test vectors\n')[1] ?? ''
  const blocks = new Map<string, [string, string][]>()
  for (const [, title, body] of section.matchAll(/\n### (.+)\n[^`]*```text\n([^`]*)```/g)) {
    const entries = [...body!.matchAll(/^(\S+) +([0-9a-f]+(?:\n +[0-9a-f]+)*)/gm)]
    blocks.set(
      title!,
      entries.map(([, name, digits]) => [name!, digits!.replace(/\s/g, '')]),
    )
  }
  return blocks
}

/** As the page has them, for whoever changes the protocol. */
function format(blocks: Map<string, [string, string][]>): string {
  const line = ([name, digits]: [string, string]): string =>
    `${name.padEnd(10)}${digits.match(/.{1,96}/g)!.join(`\n${' '.repeat(10)}`)}`
  return [...blocks]
    .map(([title, entries]) => `### ${title}\n\n\`\`\`text\n${entries.map(line).join('\n')}\n\`\`\`\n`)
    .join('\n')
}

describe('docs/session-handshake.md', () => {
  it('has the octets that the code sends', async () => {
    assert.equal(format(written()), format(await computed()))
  })
})
