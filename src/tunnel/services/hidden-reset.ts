import type { Socket } from 'node:net'
import { hasNative } from '../../driver/native.ts'
import { descriptorOf, getSocketOption, SocketOption } from '../../driver/socket-option.ts'

const NOTHING = new Uint8Array(0)

let isAddonThere: boolean | undefined

/**
 * Tells whether the end of a connection is one. libuv reports a reset that it finds together with the last octets as an
 * orderly end, and what was cut off would pass for complete; the kernel still knows. Where the addon is missing it is
 * asked by writing nothing, which a connection that we have ended cannot do: then the end is believed.
 * @param onResult called at once or in this turn of the event loop, unless writing broke the connection
 */
export function checkEnd(socket: Socket, onResult: (isReset: boolean) => void): void {
  isAddonThere ??= hasNative()
  const descriptor = isAddonThere ? descriptorOf(socket) : undefined
  if (descriptor !== undefined) onResult(hasError(descriptor))
  else if (!socket.writable || socket.writableLength > 0) onResult(false)
  else {
    socket.write(NOTHING, (error) => {
      if (error === undefined || error === null) onResult(false)
    })
  }
}

function hasError(descriptor: number): boolean {
  try {
    return getSocketOption(descriptor, SocketOption.SO_ERROR).some((octet) => octet !== 0)
  } catch {
    return false
  }
}
