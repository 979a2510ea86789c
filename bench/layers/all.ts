import { BYTES } from './bytes.ts'
import { CONNECTIONS } from './connections.ts'
import { DATAGRAMS } from './datagrams.ts'
import type { Micro } from './micro.ts'
import { PATHS } from './paths.ts'
import { RECOVERY } from './recovery.ts'
import { STREAMS } from './streams.ts'
import { TABLES } from './tables.ts'
import { WIRE } from './wire.ts'

/** From the bytes up to the API. */
export const MICROS: readonly Micro[] = [
  ...BYTES,
  ...WIRE,
  ...TABLES,
  ...RECOVERY,
  ...PATHS,
  ...DATAGRAMS,
  ...CONNECTIONS,
  ...STREAMS,
]
