import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { proxyUnavailable, REAL_PROXIES } from '../real/proxies.ts'
import { withoutCurl } from '../tunnel/services/curl.ts'
import { MAIN, Running } from './command.ts'

const LIMIT = { timeout: 280_000 }
const [MICROSOCKS, TINYPROXY] = ['microsocks', 'tinyproxy'].map(
  (name) => REAL_PROXIES.find((one) => one.name === name)!,
)

/** As they stand in its README, "Update Server Configuration" and "Update Client Configuration". */
const GOTA = {
  server: `# default for server, did not change it
mode: server

# log level: info debug warn error fatal panic
log: debug

# tunnel authenticate credential
auth:
  username: gota
  password: gota

# remote address with port for forwarding traffic
# suppose you want to speed up you 8080 port
remote: 127.0.0.1:8080

# tunnel listen address with port
tunnel:
  - listen: 127.0.0.1:12333
  - listen: 127.0.0.1:12336
`,
  client: `# default for server, did not change it
mode: client

# log level: info debug warn error fatal panic
log: debug

# tunnel authenticate credential
auth:
  username: gota
  password: gota

# local listen address with port
listen: 127.0.0.1:12363

# Gota server addresses with port
tunnel:
  - remote: 127.0.0.1:12333 # connect server directly
  - remote: 127.0.0.1:12336
    # connect server using a proxy, currently Gota support http/https/socks5 proxy
    proxy: http://gota:gota@127.0.0.1:3128
`,
}

const WEB = `require('node:http').createServer((request, response) => response.end('what port 8080 says'))
  .listen(8080, '127.0.0.1', () => console.log('ready'))`
const ECHO = `const socket = require('node:dgram').createSocket('udp4')
socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
socket.bind(1234, '192.0.2.8', () => console.log('ready'))`
/** Asks until it is answered: datagrams may be lost. */
const ASK = `const socket = require('node:dgram').createSocket('udp4')
socket.once('message', (bytes) => { console.log(String(bytes)); process.exit() })
const ask = () => socket.send('over several ways', 23461, '127.0.0.1')
setInterval(ask, 300)
ask()`

describe('the words of the predecessors, as they stand', { ...LIMIT, skip: labUnavailable() }, () => {
  let folder: string
  let lab: Lab
  const started: Running[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gotcp-readmes-'))
    chmodSync(folder, 0o755)
  })
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL')
    await Promise.all(started.splice(0).map(({ ended }) => ended))
    lab.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Starts gotcp in a host, with what it keeps in a folder of its own. */
  function gotcp(host: LabHost, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const own = join(folder, `${started.length}`)
    mkdirSync(own)
    const places = { XDG_RUNTIME_DIR: own, RUNTIME_DIRECTORY: own, STATE_DIRECTORY: own }
    const running = new Running(host, [process.execPath, MAIN, ...args], { ...process.env, ...places, ...env })
    started.push(running)
    return running
  }

  const proxy = (host: LabHost, real: typeof MICROSOCKS, port: number, login?: { user: string; password: string }) => {
    const plan = { folder, ports: [port], login, targets: [12_336, 23_461], certificate: '', key: '' }
    host.spawn(...(real!.command(plan) as [string, ...string[]]))
    return host.run(
      'sh',
      '-c',
      `for i in $(seq 500); do grep -q ':${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A' /proc/net/tcp && exit; sleep 0.1; done; exit 1`,
    )
  }

  it("Gota's configuration files lead curl to the server's backend", {
    skip: proxyUnavailable(TINYPROXY!) ?? withoutCurl,
  }, async () => {
    lab = createLab({ hosts: ['gota'] })
    const host = lab.host('gota')
    for (const [end, text] of Object.entries(GOTA)) writeFileSync(join(folder, `config.${end}.yml`), text)
    await host.start(WEB)
    proxy(host, TINYPROXY, 3128, { user: 'gota', password: 'gota' })
    await gotcp(host, ['tunnel', 'server', '--config', join(folder, 'config.server.yml')]).until(/listening on/)
    const client = gotcp(host, ['tunnel', 'client', '--config', join(folder, 'config.client.yml')])
    await client.until(/path is up[\s\S]*path is up/)
    assert.equal(host.run('curl', '-sS', '--noproxy', '*', '127.0.0.1:12363'), 'what port 8080 says')
    for (const { stdout, stderr } of started) assert.doesNotMatch(stdout + stderr, /gota:gota/)
  })

  it("socktopus's command lines carry datagrams, directly and by a SOCKS proxy and an HTTP proxy", {
    skip: proxyUnavailable(MICROSOCKS!) ?? proxyUnavailable(TINYPROXY!),
  }, async () => {
    lab = createLab({ hosts: ['connector', 'listener'] })
    const connector = lab.host('connector')
    const listener = lab.host('listener')
    lab.veth('connector', 'listener', { connector: '192.0.2.2/24', listener: '192.0.2.1/24' })
    listener.ip('addr', 'add', '192.0.2.8/24', 'dev', 'eth0')
    await listener.start(ECHO)
    proxy(connector, MICROSOCKS, 1111)
    proxy(connector, TINYPROXY, 8080)
    const key = { SOCKTOPUS_KEY: 'a-key-of-both-ends' }
    await gotcp(listener, ['socktopus'], { ...key, AE_LOG: 'main=+log', SERVICE: '23461' }).until(/listening on/)
    const uris = ['tcp://192.0.2.1:23461', 'socks://127.0.0.1:1111', 'http://127.0.0.1']
    const active = gotcp(connector, ['socktopus', ...uris], {
      ...key,
      AE_LOG: 'main=+log',
      UDPLOC: '127.0.0.1:23461:127.0.0.1:1234',
      UDPREM: '127.0.0.1:23461:192.0.2.8:1234',
    })
    await active.until(/path is up[\s\S]*path is up[\s\S]*path is up/)
    assert.equal(await connector.node(ASK), 'over several ways\n')
  })
})
