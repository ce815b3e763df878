import { type Role, neededBy } from '../roles/grants.js'
import type { Live } from './live.js'
import { identifier } from '../server/statement.js'

// What the role may not do, in words, with the statement that lets it; nothing where it may.

export const barredFromUsing = (live: Live, schema: string, as: Role = 'app'): string | undefined => {
  const needed = neededBy(as), barred = [...live.tables.values()].filter(({ name, rights }) => Object.hasOwn(needed, name) && needed[name]!.some(right => !rights.includes(right))).map(({ name }) => name)
  if (!live.use) return `role '${live.role}' may not use schema '${schema}': run, as its owner: grant usage on schema ${identifier(schema)} to ${identifier(live.role)}; and grant select, insert, update, delete on all tables in it`
  return barred.length === 0 ? undefined : `role '${live.role}' may not read and write ${barred.join(', ')}: run, as their owner: grant select, insert, update, delete on all tables in schema ${identifier(schema)} to ${identifier(live.role)}; or less, which 'lowtide roles' prints`
}
export const barredFromMaking = (live: Live, schema: string): string | undefined => {
  if (!live.schema) return live.createSchema ? undefined : `role '${live.role}' may not make the schema '${schema}': run, as a superuser: create schema ${identifier(schema)} authorization ${identifier(live.role)}`
  return live.use && live.create ? undefined : `role '${live.role}' may not make tables in schema '${schema}': run, as its owner: grant usage, create on schema ${identifier(schema)} to ${identifier(live.role)}`
}
