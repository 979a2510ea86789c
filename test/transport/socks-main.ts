// A SOCKS5 proxy as a process: node socks-main.js '{"host":"10.0.0.1","port":1080}'. Says its port on stdout.
import { SocksServer } from './socks-server.ts'

const server = await SocksServer.start(JSON.parse(process.argv[2] ?? '{}'))
console.log(server.port)
process.on('SIGUSR2', () => console.log(JSON.stringify(server.stats)))
