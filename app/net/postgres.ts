// PostgreSQL by pg over our stack, by its stream option. Run as root: node dist/app/net/postgres.js 5432 [USER [DATABASE]]
import pg from 'pg'
import { KERNEL, net, stack } from './wire.ts'

const [port = '5432', user = 'postgres', database = user] = process.argv.slice(2)
const client = new pg.Client({ host: KERNEL, port: Number(port), user, database, stream: () => new net.Socket() })
await client.connect()
const { rows } = await client.query('SELECT $1::text AS greeting, $2::int AS number', ['hello from the stack', 42])
console.log(JSON.stringify(rows))
await client.end()
stack.close()
