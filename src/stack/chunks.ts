/** What has a stream of chunks: a TCP socket, of whatever kind. */
interface ChunkSource {
  read(): Promise<Uint8Array | null>
  close(): Promise<void>
}

/** The chunks of the peer's stream, to its end. Leaving the loop early closes the connection. */
export async function* chunksOf(source: ChunkSource): AsyncGenerator<Uint8Array, void, undefined> {
  let isDone = false
  try {
    for (let chunk = await source.read(); chunk !== null; chunk = await source.read()) yield chunk
    isDone = true
  } finally {
    if (!isDone) void source.close()
  }
}
