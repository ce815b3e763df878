import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plain } from '../plain.js'
import { type Entry, again, ledger } from './role.js'

const linesOf = (folder: string): readonly Entry[] => existsSync(join(folder, ledger)) ? readFileSync(join(folder, ledger), 'utf8').split('\n').flatMap(line => { try { return [JSON.parse(line) as Entry] } catch { return [] } }) : []
export const applied = (folder: string): number => linesOf(folder).length
const byKey = (entries: readonly Entry[]): ReadonlyMap<string, readonly string[]> => {
  const all = new Map<string, string[]>()
  for (const { key, id } of entries) { const ids = all.get(key); if (ids) ids.push(id); else all.set(key, [id]) }
  return all
}
/** The receiver's own ledger against the log, read by plain SQL. */
export const audit = async (sql: Plain, folder: string) => {
  const written = (await sql(`select message ->> 'id' as id, message ->> 'subject' as key, (message #>> '{data,n}')::int as n from lowtide.lowtide_log where channel = 'leaving' order by tx, n`)).map((row): Entry => ({ id: String(row['id']), key: String(row['key']), n: Number(row['n']) }))
  const entries = linesOf(folder), ids = new Set(entries.map(e => e.id)), there = byKey(written), firsts = byKey([...new Map(entries.map(e => [e.id, e])).values()]), faults: string[] = []
  let disordered = 0
  for (const [key, list] of there) {
    const got = firsts.get(key) ?? [], expected = list.filter(id => ids.has(id))
    if (JSON.stringify(got) !== JSON.stringify(expected)) { disordered++; faults.push(`key '${key}': expected the order ${expected.join(', ')}, found ${got.join(', ')}`) }
  }
  const lost = written.filter(e => !ids.has(e.id)), [{ rows: waiting } = { rows: 0 }] = await sql('select count(*)::int as rows from lowtide.lowtide_outbox')
  for (const e of lost) faults.push(`lost: ${e.key}/${e.n}`)
  return { written: written.length, lost: lost.length, twice: entries.length - ids.size, stuck: Number(waiting), disordered, again: existsSync(join(folder, again)) ? readFileSync(join(folder, again)).length : 0, faults }
}
