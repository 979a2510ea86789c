import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

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
    ['receiveBuffer', '1 MB'],
    ['sendBuffer', 0.5],
  ] as const) {
    it(`of a packet link: ${name} is no ${value}`, () => {
      const options = given<PacketLinkOptions>({ interface: 'lo', [name]: value })
      assert.throws(() => openPacketLink(options), {
        name: 'RangeError',
        message: new RegExp(`^Cannot use ${name} ${value}: it must be a whole number from \\d+ to \\d+$`),
      })
    })
  }

  for (const [name, value, kind] of [
    ['vlan', 'x', 'RangeError'],
    ['vlan', '7', 'RangeError'],
    ['vlan', 4095, 'RangeError'],
    ['filter', 'ip', 'TypeError'],
    ['filter', new Uint8Array(8), 'TypeError'],
    ['addresses', '10.0.0.9/24', 'TypeError'],
    ['addresses', [5], 'TypeError'],
    ['addresses', [{ addr: '10.0.0.9', prefix: 24 }], 'TypeError'],
  ] as const) {
    it(`of a packet link: ${name} is not ${JSON.stringify(value)}`, () => {
      const options = given<PacketLinkOptions>({ interface: 'lo', [name]: value })
      const code = kind === 'RangeError' ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE'
      assert.throws(() => openPacketLink(options), { name: kind, code, message: /^Cannot \w+ .*: / })
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
