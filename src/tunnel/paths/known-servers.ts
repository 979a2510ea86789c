import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NetError } from '../../base/errors.ts'
import { parseFingerprint } from '../../transport/certificate.ts'

/** In the folder of what outlives the process. */
const FILE = 'known-servers'
const HEADING = `# The certificates of servers that have proven themselves, by where they were reached. A server that shows another one is
# refused: remove its line when it has a new one on purpose.
`

/**
 * Which certificate the server at each remote showed when it was last proven: whoever shows another one gets no login from
 * us, and so nothing to try passwords against. A text file that people may edit; it is read anew each time.
 */
export class KnownServers {
  readonly #directory: string
  /** What is being kept: one after the other, so that none writes over what another has just added. */
  #keeping: Promise<void> = Promise.resolve()

  /** @param directory is made when there is something to keep */
  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Whether the server that shows a certificate of that fingerprint may be who it was; one that nobody has seen may.
   * @param remote `host:port`
   * @throws {NetError} ERR_CERTIFICATE when it showed another one before, EINVAL when the file cannot be read
   */
  async check(remote: string, fingerprint: string): Promise<void> {
    const known = (await this.#read()).get(remote)
    if (known === undefined || known === fingerprint) return
    throw new NetError(
      'ERR_CERTIFICATE',
      `Cannot trust ${remote}: its certificate is ${fingerprint}, and was ${known} when it last proved the password. Either ` +
        `somebody stands in between, or the server has a new one: then remove its line from ${this.#path}, or name the new ` +
        'one in trust: { fingerprint: … }',
      { syscall: 'connect' },
    )
  }

  /** The server there has proven itself with this certificate. @throws {NetError} EINVAL when that cannot be kept */
  keep(remote: string, fingerprint: string): Promise<void> {
    const kept = this.#keeping.then(() => this.#keep(remote, fingerprint))
    this.#keeping = kept.catch(() => undefined)
    return kept
  }

  async #keep(remote: string, fingerprint: string): Promise<void> {
    const known = await this.#read()
    if (known.get(remote) === fingerprint) return
    known.set(remote, fingerprint)
    const lines = [...known].map(([place, shown]) => `${place} ${shown}\n`)
    const draft = `${this.#path}.${process.pid}.${randomBytes(4).toString('hex')}`
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      await writeFile(draft, HEADING + lines.join(''), { mode: 0o600 })
      await rename(draft, this.#path)
    } catch (error) {
      throw new NetError(
        'EINVAL',
        `Cannot keep the server's certificate in "${this.#path}": ${(error as Error).message}`,
      )
    }
  }

  get #path(): string {
    return join(this.#directory, FILE)
  }

  /** Lines that make no sense are none. */
  async #read(): Promise<Map<string, string>> {
    const known = new Map<string, string>()
    for (const line of (await this.#text()).split('\n')) {
      const [remote = '', shown = ''] = line.trim().split(/\s+/)
      const fingerprint = parseFingerprint(shown)
      if (!remote.startsWith('#') && fingerprint !== undefined) known.set(remote, fingerprint)
    }
    return known
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return ''
      throw new NetError('EINVAL', `Cannot read "${this.#path}", in which the certificates of servers are: ${message}`)
    }
  }
}
