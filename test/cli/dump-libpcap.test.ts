import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { NetError } from '../../src/base/errors.ts'
import { type CapModule, openLibpcap } from '../../src/cli/dump/libpcap-source.ts'
import { UsageError } from '../../src/cli/exit.ts'
import { tcp } from '../wire/build.ts'

/** The package `cap` as its users see it, with two packets to give or a reason to refuse. */
function fakeCap(refusal?: string): { readonly module: CapModule; readonly calls: unknown[] } {
  const calls: unknown[] = []
  class Cap {
    #buffer: Buffer = Buffer.alloc(0)

    static findDevice(): string {
      return 'eth7'
    }

    open(device: string, filter: string, _size: number, buffer: Buffer): string {
      if (refusal !== undefined) throw new Error(refusal)
      calls.push(device, filter)
      this.#buffer = buffer
      return 'ETHERNET'
    }

    on(_event: 'packet', listener: (bytes: number, truncated: boolean) => void): void {
      for (const frame of [tcp({ flags: 2 }), tcp({ data: new Uint8Array(400) })]) {
        this.#buffer.set(frame)
        listener(frame.length, false)
      }
    }

    close(): void {
      calls.push('closed')
    }
  }
  return { module: { Cap }, calls }
}

const ready = (): Promise<void> => Promise.resolve()

describe('openLibpcap', () => {
  it('hands the filter to libpcap and its packets on, cut to the snap length', async () => {
    const { module, calls } = fakeCap()
    const source = openLibpcap(module, 'eth7', 'tcp and inbound', 100)
    assert.match(source.heading, /^listening on eth7, link-type EN10MB \(Ethernet\), snapshot length 100 bytes$/)
    const lengths: number[][] = []
    await source.run(
      (packet) => lengths.push([packet.end - packet.start, packet.wireLength]) < 2,
      new AbortController().signal,
      ready,
    )
    source.close()
    assert.deepEqual(lengths, [
      [54, 54],
      [100, 454],
    ])
    assert.deepEqual(calls, ['eth7', 'tcp and inbound', 'closed'])
  })

  it('ends when aborted', async () => {
    const controller = new AbortController()
    controller.abort()
    await openLibpcap(fakeCap().module, 'eth7', '', 100).run(() => assert.fail('a packet'), controller.signal, ready)
  })

  it('keeps what was refused: the package crashes when such a capture is collected', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const made: WeakRef<object>[] = []
    const { Cap } = fakeCap('syntax error').module
    const Watched = class extends Cap {
      constructor() {
        super()
        made.push(new WeakRef(this))
      }
    }
    assert.throws(() => openLibpcap({ Cap: Watched }, 'eth7', 'x', 100), UsageError)
    for (let i = 0; i < 3; i++) {
      // A WeakRef holds until the turn is over.
      await turn()
      collect()
    }
    assert.ok(made[0]?.deref() !== undefined)
  })

  it('words what libpcap refuses', () => {
    const refused =
      (reason: string): (() => unknown) =>
      () =>
        openLibpcap(fakeCap(reason).module, 'eth7', 'x', 100)
    assert.throws(refused("can't parse filter expression: syntax error"), UsageError)
    assert.throws(
      refused('eth7: You do not have permission to capture (socket: Operation not permitted)'),
      (error) =>
        error instanceof NetError && error.code === 'EPERM' && /Run as root, or: sudo setcap/.test(error.message),
    )
    assert.throws(
      refused('eth7: No such device exists'),
      (error) => error instanceof NetError && error.code === 'ENODEV',
    )
  })
})
