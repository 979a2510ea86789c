import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Table } from './tables.ts'

const FOLDER = 'test/sim/tables'

const pathOf = ({ name }: Table): string => `${FOLDER}/${name}.txt`

/** The table as it was last written; undefined when it never was. */
export const readTable = (table: Table): string | undefined =>
  existsSync(pathOf(table)) ? readFileSync(pathOf(table), 'utf8') : undefined

export function writeTable(table: Table, text: string): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(pathOf(table), text)
}
