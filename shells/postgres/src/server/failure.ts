import type { Failure } from '@lowtide/core'
import { failureOf as textOf } from '@lowtide/core'

/** What another attempt would only find again. */
export const failure = (text: string): Failure => ({ failure: `[postgres] ${text}`, retry: false })

/** The server's own words for what went wrong (https://www.postgresql.org/docs/current/errcodes-appendix.html); absent where the connection broke. */
export interface Refusal { readonly code?: string; readonly message: string; readonly detail?: string; readonly constraint?: string; readonly table?: string; readonly column?: string; readonly schema?: string; readonly severity?: string; /** Nobody's refusal: this code is wrong. */ readonly own?: true }
export const refusalOf = (e: unknown): Refusal => {
  const { code, message, detail, constraint, table, column, schema, severity } = e as { readonly [field: string]: unknown }
  const text = (value: unknown): string | undefined => typeof value === 'string' ? value : undefined
  const found = Object.entries({ detail: text(detail), constraint: text(constraint), table: text(table), column: text(column), schema: text(schema), severity: text(severity), own: e instanceof TypeError || e instanceof RangeError || e instanceof SyntaxError || e instanceof ReferenceError ? true : undefined, code: typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined })
  return { message: text(message) ?? textOf(e).failure, ...Object.fromEntries(found.filter(([, value]) => value !== undefined)) }
}
/** Codes of a server that is not there for now: it starts, stops, was told to end this session, has no connection or memory left, or cannot write. */
const away = /^(08|57P|53[0-3]|25006|XX000|58)/
/** Codes that a smaller unit, or the same one later, does not meet: locks that were not had in time, deadlocks, the server's memory of locks. */
const crowded = /^(55P03|40|57014|53200)/

/** Nothing was answered, or the server ends this session or is going away: not the message's fault. */
export const isAway = ({ code, severity = '', own }: Refusal): boolean => !own && (code === undefined || /^(FATAL|PANIC)$/.test(severity) || (away.test(code) && !crowded.test(code)))
export const isCrowded = ({ code }: Refusal): boolean => code !== undefined && crowded.test(code)

/** Connection strings stand in messages of drivers and servers: whatever looks like a password in one is taken out. */
export const redacted = (text: string): string => text.replace(/(\b[a-z]+:\/\/[^:/?#\s@]*):[^@/\s]*@/gi, '$1:***@').replace(/(password\s*=\s*)('[^']*'|\S+)/gi, '$1***')

/** An error of the driver or the server as a failure: without details, which hold values of rows, as all texts about data do (class 22). Who waits for others has done nothing wrong. */
export const failureOf = (doing: string, e: unknown): Failure => {
  const refusal = refusalOf(e), { code, message } = refusal, said = code?.startsWith('22') ? 'a value does not fit its column' : redacted(message), text = `[postgres] cannot ${doing}: ${said}${code === undefined ? '' : ` (${code})`}`
  if (isAway(refusal)) return { failure: text, retry: true, unavailable: true }
  return isCrowded(refusal) ? { failure: text, retry: true, ...(code !== '57014' && { unavailable: true }) } : { failure: text, retry: false }
}
/** What was thrown as a failure is one. */
export const isFailure = (e: unknown): e is Failure => typeof e === 'object' && e !== null && 'failure' in e && 'retry' in e
