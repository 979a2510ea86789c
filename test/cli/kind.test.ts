import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  BYTES,
  CIDR,
  DURATION,
  INTERFACE,
  integer,
  type Kind,
  PERIOD,
  PROBABILITY,
  RATE,
  SECONDS,
} from '../../src/cli/kind.ts'

const table: readonly (readonly [string, Kind<unknown>, Record<string, unknown>, readonly string[]])[] = [
  ['INTERFACE', INTERFACE, { eth0: 'eth0', 'eth0.7': 'eth0.7' }, ['', 'a/b', 'a b', 'sixteen-letters!', '..']],
  ['CIDR', CIDR, { '10.0.0.9/24': { addr: 0x0a000009, prefix: 24 } }, ['10.0.0.9', '10.0.0.9/33', 'x/8', '']],
  ['integer', integer('N', 1, 9), { 1: 1, 9: 9 }, ['0', '10', '1.5', '1e0', '0x1', ' 1', '']],
  [
    'PROBABILITY',
    PROBABILITY,
    { '5%': 0.05, 0.05: 0.05, '100%': 1, 0: 0, '.5': 0.5 },
    ['5', '101%', '-1%', 'x', '', '%'],
  ],
  [
    'DURATION',
    DURATION,
    { 20: 20_000, '20ms': 20_000, '1.5s': 1_500_000, '250us': 250 },
    ['1h', '-1', 'ms', '', '2147484s'],
  ],
  ['SECONDS', SECONDS, { 0: 0, 1: 1, 0.2: 0.2, '200ms': 0.2 }, ['fast', '', '2147484']],
  ['PERIOD', PERIOD, { 1: 1, 0.2: 0.2, '200ms': 0.2 }, ['fast', '', '0', '0ms', '2147484']],
  ['RATE', RATE, { '10M': 1e7, '10mbit': 1e7, '10Mbit/s': 1e7, '1G': 1e9, 500: 500 }, ['0', '1T', 'M', '']],
  [
    'BYTES',
    BYTES,
    { 20480: 20480, '64K': 65536, '20M': 20 << 20, '1GiB': 2 ** 30, '3KB': 3072 },
    ['1T', 'K', '-1', ''],
  ],
]

for (const [name, kind, good, bad] of table) {
  describe(`${name}.parse`, () => {
    it('reads what help promises', () => {
      for (const [text, wanted] of Object.entries(good)) assert.deepEqual(kind.parse(text), wanted, text)
    })
    it('returns undefined for the rest', () => {
      for (const text of bad) assert.equal(kind.parse(text), undefined, text)
    })
  })
}
