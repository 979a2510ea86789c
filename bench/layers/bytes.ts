import { ByteRing } from '../../src/base/byte-ring.ts'
import { addSum } from '../../src/base/checksum.ts'
import { copyBytes } from '../../src/base/copy-bytes.ts'
import { hasNative, native } from '../../src/driver/native.ts'
import type { Micro } from './micro.ts'

const SIZES = [20, 64, 256, 1460, 16 * 1024, 64 * 1024] as const
const COPIES = [64, 1448, 64 * 1024] as const
/** A frame's payload begins at an odd multiple of two. */
const AT = 2

function inScript(length: number): Micro {
  return {
    layer: 'checksum',
    name: `JavaScript, ${length} bytes`,
    bytes: length,
    prepare: () => {
      const bytes = new Uint8Array(AT + length).fill(0x5a)
      return (count) => {
        let sum = 0
        for (let i = 0; i < count; i++) sum = addSum(sum & 0xff, bytes, AT, AT + length)
        return sum
      }
    },
  }
}

function inAddon(length: number): Micro {
  return {
    layer: 'checksum',
    name: `addon, ${length} bytes`,
    bytes: length,
    prepare: () => {
      const bytes = new Uint8Array(AT + length).fill(0x5a)
      const { checksum } = native()
      return (count) => {
        let sum = 0
        for (let i = 0; i < count; i++) sum = checksum(bytes, AT, AT + length, sum & 0xff)
        return sum
      }
    },
  }
}

/** Through a ring whose memory is more than a cache nearby holds when `capacity` says so. */
function throughRing(length: number, capacity: number): Micro {
  return {
    layer: 'bytes',
    name: `ring, ${length} bytes in, ring of ${capacity >> 10} KiB`,
    bytes: length,
    prepare: () => {
      const source = new Uint8Array(length).fill(1)
      const ring = new ByteRing()
      ring.store(0, new Uint8Array(capacity), 0, capacity)
      ring.extend(length)
      ring.consume(length)
      return (count) => {
        let sum = 0
        for (let i = 0; i < count; i++) {
          ring.store(0, source, 0, length)
          ring.extend(length)
          sum += ring.bytes[ring.indexOf(0)]!
          ring.consume(length)
        }
        return sum
      }
    },
  }
}

function copied(length: number): Micro {
  return {
    layer: 'bytes',
    name: `copy, ${length} bytes`,
    bytes: length,
    prepare: () => {
      const source = new Uint8Array(length).fill(1)
      const target = new Uint8Array(length)
      return (count) => {
        let sum = 0
        for (let i = 0; i < count; i++) {
          copyBytes(source, 0, target, 0, length)
          sum += target[i % length]!
        }
        return sum
      }
    },
  }
}

export const BYTES: readonly Micro[] = [
  ...SIZES.map(inScript),
  ...(hasNative() ? SIZES.map(inAddon) : []),
  ...COPIES.map(copied),
  ...COPIES.map((length) => throughRing(length, 64 * 1024)),
  throughRing(64 * 1024, 4 * 1024 * 1024),
]
