import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { QuotaBook } from '../../../src/tunnel/paths/quota.ts'
import { connected, DaemonPair, exchange, until } from '../daemon-pair.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-quota-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const NOON = Date.UTC(2026, 10, 30, 12)
const DAY = 86_400_000
const daily = { bytes: 1000, period: 'day' } as const
const monthly = { bytes: 1000, period: 'month' } as const

describe('QuotaBook', () => {
  it('counts until the day or the month is over', () => {
    const book = new QuotaBook(join(folder, 'a.json'))
    for (const [name, quota] of [
      ['d', daily],
      ['m', monthly],
    ] as const) {
      book.add(name, quota, 999, NOON)
      assert.equal(book.status(name, quota, NOON).exhausted, false)
      book.add(name, quota, 1, NOON)
      assert.equal(book.status(name, quota, NOON).exhausted, true)
    }
    assert.equal(book.status('d', daily, NOON).until, Date.UTC(2026, 11, 1))
    assert.equal(book.status('m', monthly, NOON).until, Date.UTC(2026, 11, 1))
    assert.equal(book.status('d', daily, NOON + DAY).used, 0)
    assert.equal(book.status('m', monthly, NOON + DAY).until, Date.UTC(2027, 0, 1))
  })

  it('begins nothing anew when the clock goes back', () => {
    const book = new QuotaBook(join(folder, 'b.json'))
    book.add('d', daily, 600, NOON)
    book.add('d', daily, 600, 0)
    assert.equal(book.status('d', daily, NOON).used, 1200)
  })

  it('remembers over restarts what it wrote, for its owner alone', () => {
    const file = join(folder, 'deep/c.json')
    const book = new QuotaBook(file)
    book.add('m', monthly, 700, NOON)
    book.tick(NOON)
    book.add('m', monthly, 70, NOON)
    book.tick(NOON + 9000)
    assert.equal(new QuotaBook(file).status('m', monthly, NOON).used, 700)
    book.tick(NOON + 10_000)
    assert.equal(new QuotaBook(file).status('m', monthly, NOON).used, 770)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('takes a file that makes no sense for none', () => {
    const file = join(folder, 'd.json')
    for (const text of ['', '[]', '{"paths":7}', '{"paths":{"m":null}}', '{"paths":{"m":{"start":"x"}}}']) {
      writeFileSync(file, text)
      assert.equal(new QuotaBook(file).status('m', monthly, NOON).used, 0)
    }
  })
})

describe('a path with a quota', () => {
  it('is a backup when it has used it up, still after a restart, and no more when there is more', async () => {
    const pair = await DaemonPair.open()
    const withQuota = (bytes: string): string =>
      pair.clientText().replace('name: one,', `name: one, quota: ${bytes}/month,`)
    const start = async (): Promise<void> => {
      pair.client = await pair.subject('client.yaml', withQuota('50K')).start()
      await until(() => pair.client.daemon.health().paths_up === 2)
    }
    const one = () => {
      pair.client.daemon.side.tick(performance.now())
      return pair.client.daemon.status().sessions[0]!.paths[0]!
    }
    await pair.client.daemon.stop(0)
    await start()
    assert.equal(one().role, 'primary')
    const socket = await connected(pair.client.portOf('web'))
    while (!one().quota!.exhausted) await exchange(socket, 'x'.repeat(20_000))
    assert.equal(one().role, 'backup')
    assert.ok(pair.client.said.lines.some((line) => line.startsWith('warn path has used up its quota {"path":"one"')))
    socket.destroy()
    const { used } = one().quota!
    await pair.client.daemon.stop(0)
    assert.ok(JSON.parse(readFileSync(join(pair.folder, 'state/client.quotas.json'), 'utf8')).paths.one.used >= used)
    await start()
    assert.equal(one().role, 'backup')
    const { connections } = one()
    pair.client.text = withQuota('50G')
    await pair.client.daemon.reload()
    assert.equal(one().role, 'primary')
    assert.equal(one().connections, connections)
    await pair.close()
  })
})
