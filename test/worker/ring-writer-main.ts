// The writer's end of a ring in a thread of its own, which pours a stream through it as fast as it can.
import { workerData } from 'node:worker_threads'
import { type RingMemory, RingWriter } from '../../src/worker/shared-ring.ts'
import { Stream } from '../real/stream.ts'

const { memory, length } = workerData as { memory: RingMemory; length: number }
const writer = new RingWriter(memory)
const stream = new Stream(1)
for (let sent = 0; sent < length; ) {
  const piece = stream.at(sent, Math.min(length - sent, 1 + ((sent * 31) % 5000)))
  for (let from = 0; from < piece.length; from += writer.write(piece, from));
  sent += piece.length
}
writer.end()
