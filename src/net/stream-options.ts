import type { SocketConstructorOpts } from 'node:net'
import type { DuplexOptions } from 'node:stream'
import { nodeError } from '../base/node-error.ts'
import type { SocketOptions } from './arguments.ts'

const OBJECT_MODES = ['objectMode', 'readableObjectMode', 'writableObjectMode'] as const

/**
 * What of a socket's options a Duplex is to know, as node:net has it. All have one shape, whichever options were given: to
 * copy what comes would cost each socket more than everything else at its making.
 * @throws {TypeError} ERR_INVALID_ARG_VALUE for objects in the place of bytes.
 */
export function streamOptions(
  options: SocketOptions & Pick<SocketConstructorOpts, 'readable' | 'writable'>,
): DuplexOptions {
  for (const mode of OBJECT_MODES) {
    if (options[mode]) {
      const message = `The property 'options.${mode}' is not supported. Received ${String(options[mode])}`
      throw nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', message)
    }
  }
  const known = {
    allowHalfOpen: options.allowHalfOpen ?? false,
    emitClose: false,
    autoDestroy: true,
    decodeStrings: false,
    readable: options.readable,
    writable: options.writable,
    highWaterMark: options.highWaterMark,
    readableHighWaterMark: options.readableHighWaterMark,
    writableHighWaterMark: options.writableHighWaterMark,
    encoding: options.encoding,
    defaultEncoding: options.defaultEncoding,
    construct: options.construct,
    read: options.read,
    write: options.write,
    writev: options.writev,
    final: options.final,
    destroy: options.destroy,
  }
  return known as DuplexOptions
}
