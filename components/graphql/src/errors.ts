import type { Rejection, Runtime } from '@lowtide/core'
import type { NotHandled } from '@lowtide/run'
import { GraphQLError, type GraphQLErrorExtensions } from 'graphql'

/** Longer texts (a number of a million digits, repeated by an error) are cut. */
const longest = 500
const cut = (text: string): string => text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text

/** An error of ours: `code` is in `docs/errors.md`; `http` sets the status of the response. */
export const failure = (code: string, message: string, rest: GraphQLErrorExtensions = {}): GraphQLError => new GraphQLError(cut(message), { extensions: { code, ...rest } })
export const rejected = ({ code, message, details }: Rejection): GraphQLError => failure(code, message, details === undefined ? {} : { details })

/** Hides what only the log should hold, under an id that the log has. */
export type Mask = (code: string, error: unknown, rest?: GraphQLErrorExtensions) => GraphQLError
const shown: { readonly [code: string]: string } = { unauthenticated: 'who asks could not be told', failed: 'this could not be handled', 'projection-parked': 'this was handled, and what it changed cannot be read yet', unavailable: 'this cannot be handled now; send it again', busy: 'too much is asked of this service now; send it again', 'too-old': 'this was sent too long ago', internal: 'something went wrong in here' }
export const masking = (runtime: Pick<Runtime, 'log' | 'newId'>, production: boolean): Mask => (code, error, rest = {}) => {
  const id = runtime.newId(), text = error instanceof Error ? error.stack ?? error.message : String(error), head = text.split('\n', 1)[0]!
  runtime.log(code === 'busy' || code === 'too-old' ? 'info' : 'error', `[graphql] ${code}, error ${id}: ${cut(head)}`, { id, ...(rest['commandId'] !== undefined && { correlationid: rest['commandId'] }), error: text })
  return failure(code, production ? `${shown[code] ?? shown['internal']}; the log has it under the error's id` : head, { ...rest, id })
}

/** What a process that is closing says; nothing for the log. */
export const closing: Mask = (code, _, rest = {}) => failure(code, 'this process is closing; send it again', rest)

const machinery: ReadonlySet<string> = new Set(['failed', 'unavailable', 'projection-parked', 'busy', 'too-old'])
/** Why a command or a query has no answer. What the machinery said when it failed is for the log alone. */
export const notHandled = (n: NotHandled, mask: Mask): GraphQLError => {
  const rest = { ...(n.commandId !== undefined && { commandId: n.commandId }), ...(n.issues !== undefined && { issues: n.issues }) }
  if (machinery.has(n.notHandled)) return mask(n.notHandled, n.message, rest)
  if (n.notHandled === 'id-reused') return failure('idempotency-key-reused', 'this idempotency-key stands for another call already: expected the same arguments, or a new key', rest)
  return failure(n.notHandled, n.message, rest)
}

/** An error of GraphQL's own, as it leaves: not longer than of use, and in production without the names that it would have us guess. */
export const shortened = (production: boolean) => (error: GraphQLError): GraphQLError => {
  const { code } = error.extensions
  if (code !== undefined && !String(code).startsWith('GRAPHQL_')) return error // ours, or the business's
  error.message = cut(production ? error.message.replace(/ Did you mean .*\?$/s, '') : error.message)
  return error
}

/** What execution throws: what is meant for the caller passes, all else is masked. */
export const masked = (mask: Mask, production: boolean) => (error: unknown): GraphQLError => {
  if (!(error instanceof GraphQLError)) return mask('internal', error)
  const origin = error.originalError
  if (origin instanceof GraphQLError || origin == null) { shortened(production)(error).extensions['code'] ??= 'invalid'; return error }
  const hidden = mask('internal', origin)
  return new GraphQLError(hidden.message, { nodes: error.nodes ?? [], path: error.path ?? [], extensions: hidden.extensions })
}
