import { Duplex } from 'node:stream'

/** The peer has ended, and half-open connections are not allowed: what is written now is an error of its own. */
export function forbidWriting(this: Duplex): void {
  if (this.allowHalfOpen) return
  this.write = writeAfterEnd
}

function writeAfterEnd(this: Duplex, chunk: unknown, encoding?: unknown, onWritten?: unknown): boolean {
  if (!this.writableEnded) {
    return Duplex.prototype.write.call(
      this,
      chunk,
      encoding as BufferEncoding,
      onWritten as (error?: Error | null) => void,
    )
  }
  const callback = typeof encoding === 'function' ? encoding : onWritten
  const error: NodeJS.ErrnoException = new Error('This socket has been ended by the other party')
  error.code = 'EPIPE'
  if (typeof callback === 'function') process.nextTick(callback as (error: Error) => void, error)
  this.destroy(error)
  return false
}
