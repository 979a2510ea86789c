// The thread of a stack that `createStackWorker` starts: its event loop, its links, and nothing of the user's.
import { parentPort, workerData } from 'node:worker_threads'
import { createStack } from '../driver/create-stack.ts'
import { openLink } from './links.ts'
import type { ThreadData } from './protocol.ts'
import { serve } from './server.ts'

const { bells, options } = workerData as ThreadData
const port = parentPort!
serve(createStack(options), { port, bells, open: openLink, onClosed: () => port.close() })
