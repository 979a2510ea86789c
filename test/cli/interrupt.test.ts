import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'

const url = (file: string): string => JSON.stringify(new URL(`../../src/cli/${file}.js`, import.meta.url).href)

/** Starts a process that runs `body` under the rules of a terminal, and waits until it does. */
async function start(body: string): Promise<{ child: ChildProcess; text: () => string; code: Promise<number> }> {
  const script = `
    import { withInterrupt } from ${url('interrupt')}
    import { Output } from ${url('output')}
    const { stdout, stderr, env, stdin } = process
    const io = { output: new Output({ stdout, stderr, env, json: false, noColor: true }), stdin, env }
    process.exitCode = await withInterrupt(io, async ({ signal, onStatus }) => {
      const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve))
      const alive = setInterval(() => {}, 1000)
      onStatus(() => 'half way')
      stdout.write('running\\n')
      try { ${body} } finally { clearInterval(alive) }
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  const code = once(child, 'close').then(([status]) => status as number)
  while (!text.includes('running')) await once(child.stdout, 'data')
  return { child, text: () => text, code }
}

describe('withInterrupt', () => {
  it('stops at the first Ctrl-C with the code the result earned', async () => {
    const { child, text, code } = await start("await stopped; stdout.write('summary\\n'); return 1")
    child.kill('SIGINT')
    assert.equal(await code, 1)
    assert.match(text(), /summary/)
  })

  it('leaves at once at the second', async () => {
    const { child, text, code } = await start("await stopped; stdout.write('stopping\\n'); await new Promise(() => {})")
    child.kill('SIGINT')
    while (!text().includes('stopping')) await once(child.stdout!, 'data')
    child.kill('SIGINT')
    assert.equal(await code, 130)
    assert.match(text(), /leaving at once/)
  })

  it('takes two SIGTERMs at one time for one, as timeout(1) sends them', async () => {
    const { child, text, code } = await start(
      "await stopped; await new Promise((resolve) => setTimeout(resolve, 100)); stdout.write('summary\\n'); return 1",
    )
    for (let i = 0; i < 2; i++) {
      child.kill('SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.equal(await code, 1)
    assert.match(text(), /summary/)
  })

  it('exits with 130 when there was no result', async () => {
    const { child, code } = await start('await stopped; signal.throwIfAborted()')
    child.kill('SIGTERM')
    assert.equal(await code, 130)
  })

  it('prints the status at Ctrl-\\ and carries on', async () => {
    const { child, text, code } = await start('await stopped; return 0')
    child.kill('SIGQUIT')
    while (!text().includes('half way')) await once(child.stderr!, 'data')
    child.kill('SIGINT')
    assert.equal(await code, 0)
  })

  it('ends when the reader of the output goes away', async () => {
    const { child, code } = await start(
      "setInterval(() => io.output.print('line'), 10).unref(); await stopped; return 0",
    )
    child.stdout!.destroy()
    assert.equal(await code, 0)
  })
})
