import { type AnyQuery, type AnyResolver, type AnyType, type Message, idOf } from '@lowtide/core'
import type { Caller, Gone, Intake } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { type GraphQLFieldResolver, type GraphQLResolveInfo, type GraphQLSchema, type defaultFieldResolver, isIntrospectionType, isObjectType, responsePathAsArray } from 'graphql'
import { type Mask, closing, notHandled, rejected } from './errors.js'
import type { Hub } from './hub.js'
import { type Named, sourceOf } from './names.js'
import type { Identity } from './options.js'

/** What a request brings to the resolvers. */
export interface Asking { readonly who: Identity; readonly key: string | undefined; /** The trace that the request belongs to. */ readonly traceparent: string | undefined; readonly gone: Gone }
interface Context { readonly asking: Asking }
type Resolve = GraphQLFieldResolver<unknown, Context, { readonly [name: string]: unknown }, unknown>

/** From a request with an idempotency key: a hash of (tenant, actor, response path, key), so that keys of different users never meet. */
const commandId = ({ who, key }: Asking, info: GraphQLResolveInfo): string | undefined =>
  key === undefined ? undefined : idOf('request', JSON.stringify([who.tenant ?? null, who.actor ?? null, responsePathAsArray(info.path), key]))
const callerOf = ({ who, traceparent, gone }: Asking, id?: string): Caller => ({ id, actor: who.actor, tenant: who.tenant, traceparent, signal: gone })

const mutation = (intake: Intake, type: AnyType, resolver: AnyResolver | undefined, mask: Mask): Resolve => resolver
  ? async (_, data, { asking }, info) => {
    const answered = await intake.answer(resolver, { kind: 'command', type: type.type, data }, callerOf(asking, commandId(asking, info)))()
    return E.isLeft(answered) ? notHandled(answered.left, intake.state() === 'closing' ? closing : mask) : E.isLeft(answered.right) ? rejected(answered.right.left) : plain(answered.right.right)
  }
  : async (_, data, { asking }, info) => {
    const sent = await intake.send({ kind: 'command', type: type.type, data }, { ...callerOf(asking, commandId(asking, info)), wait: 'projected' })()
    return E.isLeft(sent) ? notHandled(sent.left, intake.state() === 'closing' ? closing : mask) : sent.right.rejection ? rejected(sent.right.rejection) : { commandId: sent.right.commandId }
  }
const asked = (intake: Intake, query: AnyQuery, mask: Mask): Resolve => async (_, args, { asking }) => {
  const found = await intake.query(query, args, callerOf(asking))()
  return E.isLeft(found) ? notHandled(found.left, intake.state() === 'closing' ? closing : mask) : plain(found.right)
}

/** An Option of fp-ts, as GraphQL knows it: the value, or null. */
export const plain = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || !('_tag' in value)) return value
  return value._tag === 'None' ? null : value._tag === 'Some' && 'value' in value ? value.value : value
}
const fieldAt = (name: string): Resolve => source => plain((source as { readonly [name: string]: unknown })[name])

/** Gives each field its resolver: roots the functions of their names, other fields the answer's. Wiring has checked that all are there. */
export const bind = (schema: GraphQLSchema, { commands, queries, resolvers }: Named, { intake, hub, hears, mask }: { intake: Intake; hub: Hub; hears: (who: Identity, event: Message) => boolean; mask: Mask }): void => {
  for (const [name, field] of Object.entries(schema.getMutationType()?.getFields() ?? {})) field.resolve = mutation(intake, commands.get(name)!, resolvers.get(name), mask) as typeof defaultFieldResolver
  for (const [name, field] of Object.entries(schema.getQueryType()?.getFields() ?? {})) field.resolve = asked(intake, queries.get(name)!, mask) as typeof defaultFieldResolver
  for (const [name, field] of Object.entries(schema.getSubscriptionType()?.getFields() ?? {})) {
    field.subscribe = (_, _args, { asking }: Context) => hub.subscribe(name, event => hears(asking.who, event), asking.gone)
    field.resolve = event => event.data
  }
  const roots = [schema.getMutationType(), schema.getQueryType(), schema.getSubscriptionType()]
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type) || roots.includes(type)) continue
    for (const field of Object.values(type.getFields())) field.resolve = fieldAt(sourceOf(field)) as typeof defaultFieldResolver
  }
}
