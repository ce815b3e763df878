import { createHash } from 'node:crypto'

/** A statement and the name under which a connection keeps it prepared: the same text, the same name. */
export interface Statement { readonly name: string; readonly text: string }
export type Value = string | number | boolean | null
/** An array stands for a whole column of a batch: the text of a statement never depends on how many there are. */
export type Param = Value | readonly Value[]
export interface Step { readonly statement: Statement; readonly params: readonly Param[] }

export const statement = (text: string): Statement => {
  const plain = text.replace(/\s+/g, ' ').trim()
  return { name: `lt_${createHash('sha256').update(plain).digest('base64url').slice(0, 16)}`, text: plain }
}
/** Statements of one form are put together once: at one caller that was a tenth of this process' time. `of` must tell all that its text depends on. */
export const statements = () => {
  const kept = new Map<string, Statement>()
  return (of: string, text: () => string): Statement => {
    let known = kept.get(of)
    if (known === undefined) kept.set(of, known = statement(text()))
    return known
  }
}
export type Statements = ReturnType<typeof statements>

const special = /["\\]/
const quoted = (value: string): string => `"${value.includes('"') || value.includes('\\') ? value.replace(/["\\]/g, '\\$&') : value}"`
/** As Postgres reads arrays (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). Joined where nothing has to be quoted: texts that grow by pieces are trees, and cost twice as much. */
const list = (values: readonly Value[]): string => {
  let texts = true, numbers = true
  for (const value of values) { texts &&= typeof value === 'string'; numbers &&= typeof value === 'number' }
  if (numbers) return `{${values.join()}}`
  if (texts && !special.test(values.join(''))) return `{"${values.join('","')}"}`
  let text = '{'
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    text += (i === 0 ? '' : ',') + (typeof value === 'string' ? quoted(value) : value === null ? 'NULL' : String(value))
  }
  return `${text}}`
}
export const paramText = (param: Param): string | null => param === null || typeof param === 'string' ? param : typeof param === 'object' ? list(param) : String(param)

/** A name as it stands in a statement. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
