import { type AnyDecider, type AnyHandler, type AnyQuery, type AnyResolver, type AnyType } from '@lowtide/core'
import type { GraphQLField, GraphQLScalarType, GraphQLSchema } from 'graphql'
import { createSchema } from 'graphql-yoga'
import type { Options } from './options.js'

/** What our directive means: the field of the answer that fills a field of the schema, where their names differ. */
const directive = 'directive @from(field: String!) on FIELD_DEFINITION'

/** Merges the type definitions; throws where they are no schema. */
export const schemaOf = ({ typeDefs, scalars }: Pick<Options, 'typeDefs' | 'scalars'>): GraphQLSchema =>
  createSchema({ typeDefs: [directive, ...[typeDefs].flat()], resolvers: (scalars ?? {}) as { [name: string]: GraphQLScalarType } })

/** The name under which an answer holds a field. */
export const sourceOf = (field: GraphQLField<unknown, unknown>): string => {
  const from = field.astNode?.directives?.find(d => d.name.value === 'from')?.arguments?.[0]
  return from?.value.kind === 'StringValue' ? from.value.value : field.name
}

/** The functions by the names under which the schema shows them. */
export const namesOf = (functions: readonly AnyHandler[]) => {
  const deciders = functions.filter((h): h is AnyDecider => h.kind === 'command' || h.kind === 'policy' || h.kind === 'projector')
  const commands = new Map<string, AnyType>(deciders.filter(h => h.kind === 'command').flatMap(h => h.in.map(t => [t.type, t] as const)))
  const queries = new Map<string, AnyQuery>(functions.filter((h): h is AnyQuery => h.kind === 'query').map(q => [q.name, q]))
  const events = new Map<string, AnyType>(deciders.flatMap(h => [...h.in, ...h.out]).filter(t => t.kind === 'event').map(t => [t.type, t]))
  const resolvers = new Map<string, AnyResolver>(functions.filter((h): h is AnyResolver => h.kind === 'resolver').map(r => [r.in[0]!.type, r]))
  return { commands, queries, events, resolvers }
}
export type Named = ReturnType<typeof namesOf>
