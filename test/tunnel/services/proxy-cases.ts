import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MakePair } from './memory-session.ts'
import { echo, until, World } from './world.ts'

/** What streams to targets of the opener's choice must do, whatever the session. */
export function proxyCases(makePair: MakePair): void {
  const run = (body: (world: World) => Promise<void>) => (): Promise<void> => World.run(makePair, body)

  describe('a target of the opener’s choice', () => {
    /** Opens a stream to the target, says a word, and gives the answer or the name of what was said against it. */
    const ask = async (world: World, target: string): Promise<string> => {
      const before = world.answering.status()[0]!.total
      const stream = world.pair.asking.openStream({ service: 'any', target, source: '' })
      const answer = await new Promise<string>((resolve) => {
        stream.events = {
          onReadable: () => {
            const chunk = stream.read()
            if (chunk !== undefined) resolve(Buffer.from(chunk).toString())
          },
          onReset: (code) => resolve(String(code)),
        }
        stream.write(Buffer.from('word'))
        stream.end()
      })
      await until(() => world.answering.status()[0]!.total > before && world.answering.status()[0]!.open === 0)
      return answer
    }

    it(
      'is reached if the rules allow it, at the address that was checked',
      run(async (world) => {
        const backend = await world.backend(echo)
        const { port } = backend
        const lookups: string[] = []
        // The second answer is what an attacker would like to be connected to.
        const resolve = async (host: string): Promise<readonly string[]> => {
          lookups.push(host)
          return [lookups.length === 1 ? '127.0.0.1' : '127.0.0.2']
        }
        const allow = ['*.example.org:*', '127.0.0.1:*']
        await world.open([], [{ name: 'any', type: 'proxy', allow, resolve }])
        assert.equal(await ask(world, `127.0.0.1:${port}`), 'word')
        assert.deepEqual(lookups, [])
        assert.equal(await ask(world, `www.example.org:${port}`), 'word')
        assert.deepEqual(lookups, ['www.example.org'])
        const forbidden = '4'
        assert.equal(await ask(world, `www.example.org:${port}`), forbidden)
        assert.equal(await ask(world, `www.example.net:${port}`), forbidden)
        assert.equal(await ask(world, `127.0.0.2:${port}`), forbidden)
        assert.equal(await ask(world, ''), forbidden)
        const { refused, errors } = world.answering.status()[0]!
        assert.deepEqual({ refused, errors }, { refused: 4, errors: { FORBIDDEN: 4 } })
        assert.match(world.problems[0]!, /any: Will not connect to "www\.example\.org:\d+": it leads to 127\.0\.0\.2/)
      }),
    )
  })

  describe('a stream that nobody reads any more', () => {
    it(
      'resets the connection it leads to once that has heard all',
      run(async (world) => {
        const backend = await world.backend(() => undefined)
        await world.open([], [{ name: 'web', type: 'tcp', connect: backend.address }])
        const stream = world.pair.asking.openStream({ service: 'web', target: '', source: '' })
        stream.write(Buffer.from('x'))
        await until(() => backend.sockets.size === 1)
        const [beyond] = backend.sockets
        const talking = setInterval(() => beyond!.write('y'), 5)
        beyond!.resume().on('close', () => clearInterval(talking))
        stream.stop(0)
        stream.end()
        await until(() => backend.sockets.size === 0)
        assert.deepEqual(world.answering.status()[0]!.errors, { CANCELLED: 1 })
      }),
    )
  })
}
