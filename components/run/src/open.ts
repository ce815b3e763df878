import { type AnyQuery, type AnyType, type Issue, type Message, parse, seal } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'

const same = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false
  const one = a as { readonly [name: string]: unknown }, other = b as { readonly [name: string]: unknown }
  for (const name in one) if (!same(one[name], other[name])) return false
  for (const name in other) if (!Object.hasOwn(one, name)) return false
  return true
}

/** Opens a message that comes from outside the process: lifted from its version, then parsed. A version that this process does not know yet is `newer`: a rolling deploy, not poison. */
export const open = (type: AnyType, message: Message): E.Either<'newer' | readonly Issue[], Message> => {
  const current = message.dataschema === type.dataschema, version = current ? type.version : Number(message.dataschema.slice(message.dataschema.lastIndexOf('/') + 1))
  if (!(version >= 1)) return E.left([{ path: 'dataschema', message: `expected '${type.type}/N', found '${message.dataschema}'` }])
  if (version > type.version) return E.left('newer')
  try {
    const lifted = current ? message.data : type.steps.slice(version - 1).reduce<unknown>((old, lift) => lift(old as never), message.data)
    const parsed = parse(type.schema, lifted)
    if (E.isLeft(parsed)) return parsed
    if (current && Object.isFrozen(message) && Object.isFrozen(message.data) && same(message.data, parsed.right)) return E.right(message) // no copy of what is as it was
    return E.right(Object.freeze({ ...message, dataschema: type.dataschema, data: seal(parsed.right) }))
  } catch (e) { return E.left([{ path: '', message: e instanceof Error ? e.message : String(e) }]) }
}

/** A query's arguments where they enter: what JSON and every store can hold, parsed. */
export const argsOf = (query: AnyQuery, args: unknown): E.Either<readonly Issue[], unknown> => {
  try { return parse(query.args, seal(args)) } catch (e) { return E.left([{ path: '', message: e instanceof Error ? e.message : String(e) }]) }
}
