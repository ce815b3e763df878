import type { AnyHandler, AnyQuery, AnyResolver } from '@lowtide/core'
import { nearest } from '@lowtide/run'
import { type GraphQLField, type GraphQLSchema, isNonNullType, isObjectType, validateSchema } from 'graphql'
import { fieldsFit, fills } from './fits.js'
import { type Named, namesOf } from './names.js'
import { answersOf, jsonOf, sampleOf } from './sample.js'

type Field = GraphQLField<unknown, unknown>
const fieldsOf = (type: ReturnType<GraphQLSchema['getQueryType']>): readonly Field[] => Object.values(type?.getFields() ?? {})
const why = { full: '', bare: 'where an optional column is null', absent: 'where there is no row' } as const

/** All that keeps a schema from being served by these functions. */
export const faultsIn = (schema: GraphQLSchema, functions: readonly AnyHandler[]): readonly string[] => {
  const faults: string[] = [], say = (path: string, text: string): number => faults.push(`graphql: ${path} ${text}`)
  const named: Named = namesOf(functions)
  for (const e of validateSchema(schema)) faults.push(`graphql: ${e.message}`)
  const answers = (path: string, field: Field, handler: AnyQuery | AnyResolver): void =>
    fills(path, field.type, answersOf(handler).map(a => ({ value: a.value, why: why[a.kind] })), say)

  for (const field of fieldsOf(schema.getMutationType())) {
    const path = `Mutation.${field.name}`, type = named.commands.get(field.name), resolver = named.resolvers.get(field.name)
    if (!type) { say(path, `has no command of its name${nearest(field.name, named.commands.keys())}`); continue }
    const json = jsonOf(type.schema, 'input')
    if (json) fieldsFit(`${path}.`, field.args, json, say)
    if (resolver) answers(path, field, resolver)
    else fills(path, field.type, [{ value: { commandId: '' }, why: '' }], (at, text) => say(at, `${text} (the command '${type.type}' has no resolver, so all it answers is { commandId })`))
    if (isNonNullType(field.type) && resolver && resolver.out.length > 0 && !faults.some(f => f.startsWith(`graphql: ${path} `))) say(path, `is ${String(field.type)}, and there is no answer where the outcome lacks ${resolver.out.map(t => `'${t.type}'`).join(' or ')}; write it without '!'`)
  }
  for (const field of fieldsOf(schema.getQueryType())) {
    const path = `Query.${field.name}`, query = named.queries.get(field.name)
    if (!query) { say(path, `has no query of its name${nearest(field.name, named.queries.keys())}`); continue }
    const json = jsonOf(query.args, 'input')
    if (json) fieldsFit(`${path}.`, field.args, json, say)
    answers(path, field, query)
  }
  for (const field of fieldsOf(schema.getSubscriptionType())) {
    const path = `Subscription.${field.name}`, type = named.events.get(field.name)
    if (!type) { say(path, `has no event of its name${nearest(field.name, named.events.keys())}`); continue }
    if (field.args.length > 0) say(path, `takes arguments (${field.args.map(a => a.name).join(', ')}); a subscription takes none, for it gives every event of its channel that its caller may hear`)
    const json = jsonOf(type.schema, 'output'), object = isNonNullType(field.type) ? field.type.ofType : field.type
    if (!isObjectType(object)) say(path, `is ${String(field.type)}; expected an object type with the event's fields`)
    else if (json) fills(path, field.type, [{ value: sampleOf(json), why: '' }], say)
  }
  return [...new Set(faults)]
}
