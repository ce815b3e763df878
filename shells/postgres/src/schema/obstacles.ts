import type pg from 'pg'
import type { Constraint } from './declared.js'
import { type Adds, worded } from './difference.js'
import { fly } from '../server/flight.js'
import { identifier, statement } from '../server/statement.js'
import type { Live, LiveTable } from './live.js'

/** Values that are told of a constraint, at most, and how much of each. */
const few = 3, letters = 60

const rows = (count: number): string => `${count} row${count === 1 ? '' : 's'}`
/** What stands for values that are in the way, each once with its rows: those of most rows first. */
const asked = (schema: string, { table, constraint: { kind, columns, parent = '' } }: Adds, live: ReadonlyMap<string, LiveTable>): string => {
  const at = (name: string): string => `${identifier(schema)}.${identifier(name)}`, names = columns.map(column => `t.${identifier(column)}`)
  const key = live.get(parent)?.constraints.find(k => k.kind === 'p')?.columns[0]
  const lost = kind !== 'reference' ? '' : key === undefined ? '' : ` and not exists (select from ${at(parent)} p where p.${identifier(key)} = ${names[0]})` // a parent that is not made yet has no row
  return `select json_build_array(${names.map(name => `left(${name}::text, ${letters + 1})`).join(', ')})::text, count(*) from ${at(table)} t
    where ${names.map(name => `${name} is not null`).join(' and ')}${lost}
    group by ${names.join(', ')}${kind === 'unique' ? ' having count(*) > 1' : ''} order by count(*) desc, ${names.join(', ')} limit ${few + 1}`
}
const shortened = (value: string): string => { const all = [...value]; return all.length > letters ? `${all.slice(0, letters).join('')}…` : value }
const told = (table: string, constraint: Constraint, found: readonly (readonly [values: readonly string[], count: number])[]): string => {
  const [expected, todo] = constraint.kind === 'unique' ? ['another value in each row', 'make them different'] : [`rows that '${constraint.parent}' has`, 'correct them']
  const shown = found.slice(0, few).map(([values, count]) => `${values.map(value => `'${shortened(value)}'`).join('+')} in ${rows(count)}`)
  return `cannot add ${worded(constraint)} of '${table}': expected ${expected}, found ${shown.join(', ')}${found.length > few ? ', and others' : ''}; ${todo}, then migrate again`
}

/** What in the rows that stand keeps a constraint from being added, now: by reading alone, each table as often as it gets a constraint. */
export const obstacles = async (client: pg.Client, schema: string, adds: readonly Adds[], live: Live): Promise<readonly string[]> => {
  const standing = adds.filter(({ table, constraint: { columns } }) => columns.every(name => live.tables.get(table)?.columns.some(column => column.name === name)))
  if (standing.length === 0) return []
  const landed = await fly(client, standing.map(add => ({ statement: statement(asked(schema, add, live.tables)), params: [] })))
  return standing.flatMap(({ table, constraint }, i) => landed[i]!.rows.length === 0 ? []
    : [told(table, constraint, landed[i]!.rows.map(([values, count]) => [JSON.parse(values!) as readonly string[], Number(count)]))])
}
