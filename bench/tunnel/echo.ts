// Says again what it hears: npm run bench -- tunnel starts it.
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import { ignore, listenFor } from './ends.ts'

serveParent(() => undefined)
say({ port: await listenFor('tcp', '', (socket) => void socket.on('error', ignore).pipe(socket)) })
