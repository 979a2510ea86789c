// Redis by ioredis over our stack, by a connector. Run as root: node dist/app/net/redis.js 6379
import type { Socket } from 'node:net'
import { AbstractConnector, Redis } from 'ioredis'
import { KERNEL, net, stack } from './wire.ts'

const [port = '6379'] = process.argv.slice(2)

class StackConnector extends AbstractConnector {
  constructor() {
    super(0)
  }

  override async connect(): Promise<Socket> {
    const socket: Socket = net.connect(Number(port), KERNEL)
    this.stream = socket
    return socket
  }
}

const redis = new Redis({ Connector: StackConnector })
await redis.set('greeting', 'hello from the stack')
const counts = await Promise.all(Array.from({ length: 100 }, () => redis.incr('count')))
console.log(await redis.get('greeting'), Math.max(...counts))
redis.disconnect()
stack.close()
