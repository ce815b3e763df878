import { type AnyQuery, type AnyType, type Issue, type Message, parse, seal } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'

/** Opens a message that comes from outside the process: lifted from its version, then parsed. A version that this process does not know yet is `newer`: a rolling deploy, not poison. */
export const open = (type: AnyType, message: Message): E.Either<'newer' | readonly Issue[], Message> => {
  const version = Number(message.dataschema.slice(message.dataschema.lastIndexOf('/') + 1))
  if (!(version >= 1)) return E.left([{ path: 'dataschema', message: `expected '${type.type}/N', found '${message.dataschema}'` }])
  if (version > type.version) return E.left('newer')
  try {
    const lifted = type.steps.slice(version - 1).reduce<unknown>((old, lift) => lift(old as never), message.data)
    const parsed = parse(type.schema, lifted)
    return E.isLeft(parsed) ? parsed : E.right(Object.freeze({ ...message, dataschema: type.dataschema, data: seal(parsed.right) }))
  } catch (e) { return E.left([{ path: '', message: e instanceof Error ? e.message : String(e) }]) }
}

/** A query's arguments where they enter: what JSON and every store can hold, parsed. */
export const argsOf = (query: AnyQuery, args: unknown): E.Either<readonly Issue[], unknown> => {
  try { return parse(query.args, seal(args)) } catch (e) { return E.left([{ path: '', message: e instanceof Error ? e.message : String(e) }]) }
}
