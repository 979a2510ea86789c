import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'

import {
  openPacketLink,
  openTapLink,
  openTunLink,
  type PacketLinkOptions,
  type TunTapOptions,
} from '../../src/index.ts'

/** What a program in JavaScript may give. */
const given = <T>(options: Record<string, unknown>): T => options as unknown as T

describe('the options of a link', () => {
  it('are asked for, and the interface by its name', () => {
    for (const open of [openPacketLink, openTapLink, openTunLink] as const) {
      for (const options of [undefined, null, 'eth0', {}, { interface: 5, name: 5 }]) {
        const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message: /such as / }
        assert.throws(() => open(options as never), refusal)
      }
    }
  })

  for (const name of ['offload', 'ignoreOutgoing', 'promiscuous', 'timestamps', 'coalesce']) {
    it(`of a packet link: ${name} is true or false`, () => {
      const options = given<PacketLinkOptions>({ interface: 'lo', [name]: 'no' })
      const message = `Cannot use ${name} "no": it must be true or false`
      assert.throws(() => openPacketLink(options), { name: 'TypeError', message })
    })
  }

  for (const [name, value] of [
    ['slots', 0],
    ['slots', 2000],
    ['ring', -1],
    ['slots', Number.NaN],
    ['slots', '5'],
    ['receiveBuffer', '1 MB'],
    ['sendBuffer', 0.5],
  ] as const) {
    const text = JSON.stringify(value)
    it(`of a packet link: ${name} is no ${text}`, () => {
      const options = given<PacketLinkOptions>({ interface: 'lo', [name]: value })
      const shown = Number.isNaN(value) ? 'NaN' : text
      assert.throws(() => openPacketLink(options), {
        name: typeof value === 'number' ? 'RangeError' : 'TypeError',
        message: new RegExp(`^Cannot use ${name} ${shown}: it must be a whole number from \\d+ to \\d+$`),
      })
    })
  }

  const cyclic: Record<string, unknown> = {}
  cyclic['itself'] = cyclic
  for (const [name, value, kind, shown] of [
    ['vlan', 'foo', 'TypeError', '"foo"'],
    ['vlan', '7', 'TypeError', '"7"'],
    ['vlan', Symbol('seven'), 'TypeError', 'Symbol(seven)'],
    ['vlan', Object.create(null), 'TypeError', '[object Object]'],
    ['vlan', 4095, 'RangeError', '4095'],
    ['filter', 'ip', 'TypeError', '"ip"'],
    ['filter', 1n, 'TypeError', '1'],
    ['filter', [null], 'TypeError', '[object Array]'],
    ['filter', [{ code: '6', jt: 0, jf: 0, k: 0 }], 'TypeError', '[object Array]'],
    ['filter', new Uint8Array(8), 'TypeError', '[object Uint8Array]'],
    ['addresses', '10.0.0.9/24', 'TypeError', '"10.0.0.9/24"'],
    ['addresses', cyclic, 'TypeError', '[object Object]'],
    ['addresses', [cyclic], 'TypeError', '[object Object]'],
    ['addresses', [5], 'TypeError', '5'],
    ['addresses', [{ addr: '10.0.0.9', prefix: 24 }], 'TypeError', '[object Object]'],
    ['addresses', [{ addr: Number.NaN, prefix: 24 }], 'RangeError', '{ addr: NaN, prefix: 24 }'],
    ['addresses', [{ addr: 2 ** 32, prefix: 24 }], 'RangeError', '{ addr: 4294967296, prefix: 24 }'],
    ['addresses', [{ addr: 1, prefix: 99 }], 'RangeError', '{ addr: 1, prefix: 99 }'],
    ['addresses', [{ addr: 1, prefix: 0.5 }], 'RangeError', '{ addr: 1, prefix: 0.5 }'],
  ] as const) {
    it(`of a packet link: ${name} is not ${inspect(value)}`, () => {
      const options = given<PacketLinkOptions>({ interface: 'lo', [name]: value })
      const code = kind === 'RangeError' ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE'
      const told = (error: Error): boolean =>
        /^Cannot use \w+ (.*?): (it|write|addr)/.exec(error.message)?.[1] === shown
      assert.throws(() => openPacketLink(options), { name: kind, code })
      assert.throws(() => openPacketLink(options), told)
    })
  }

  for (const open of [openTapLink, openTunLink]) {
    it(`of ${open.name}`, () => {
      const refused = (options: Record<string, unknown>, name: string): void =>
        assert.throws(() => open(given<TunTapOptions>({ name: 'gotcp-none', ...options })), { name })
      refused({ slots: -1 }, 'RangeError')
      refused({ offload: 1 }, 'TypeError')
      refused({ up: 'yes' }, 'TypeError')
    })
  }
})
