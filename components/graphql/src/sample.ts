import { type AnyHandler, type AnyQuery, type AnyResolver, type AnyTable, type AnyType, type Ask, type Lookups, type Message, type Row, type Schema, type Then } from '@lowtide/core'
import * as O from 'fp-ts/lib/Option.js'

/** As much of JSON Schema as tells which values fit (https://json-schema.org, draft 2020-12). */
export interface Json {
  readonly type?: string | readonly string[]; readonly properties?: { readonly [name: string]: Json }; readonly required?: readonly string[]; readonly additionalProperties?: Json | boolean
  readonly items?: Json | boolean; readonly prefixItems?: readonly Json[]; readonly anyOf?: readonly Json[]; readonly oneOf?: readonly Json[]; readonly allOf?: readonly Json[]
  readonly enum?: readonly unknown[]; readonly const?: unknown; readonly format?: string; readonly minimum?: number; readonly default?: unknown; readonly $ref?: string
}
/** What a schema tells of itself by Standard JSON Schema (https://standardschema.dev), if it does. */
export const jsonOf = (schema: Schema, side: 'input' | 'output'): Json | undefined => {
  const standard: { jsonSchema?: { [side: string]: (o: { target: string }) => Json } } = schema['~standard'] as object
  try { return standard.jsonSchema?.[side]?.({ target: 'draft-2020-12' }) } catch { return undefined }
}

const formats: { readonly [format: string]: string } = { email: 'a@example.org', uuid: '00000000-0000-4000-8000-000000000000', 'date-time': '2020-01-01T00:00:00.000Z', date: '2020-01-01', uri: 'https://example.org' }
/** A value that a schema would likely take; it need not: nothing is decided on it. */
export const sampleOf = (json: Json | boolean | undefined, depth = 0): unknown => {
  if (json === undefined || typeof json === 'boolean' || depth > 8) return 'text'
  if ('const' in json) return json.const
  if (json.enum !== undefined) return json.enum[0]
  const one = json.anyOf?.find(j => j.type !== 'null') ?? json.oneOf?.find(j => j.type !== 'null')
  if (one !== undefined) return sampleOf(one, depth + 1)
  if (json.allOf !== undefined) return Object.assign({}, ...json.allOf.map(j => sampleOf(j, depth + 1)))
  switch ([json.type].flat().find(t => t !== 'null')) {
    case 'integer': case 'number': return json.minimum ?? 1
    case 'boolean': return true
    case 'array': return json.prefixItems?.map(j => sampleOf(j, depth + 1)) ?? [sampleOf(json.items, depth + 1)]
    case 'object': return Object.fromEntries(Object.entries(json.properties ?? {}).map(([name, j]) => [name, sampleOf(j, depth + 1)]))
    default: return formats[json.format ?? ''] ?? 'text'
  }
}

/** `full`: every row is there, with all its columns; `bare`: optional columns are null; `absent`: no row is there. */
export const kinds = ['full', 'bare', 'absent'] as const
export type Kind = typeof kinds[number]
const rowOf = (table: AnyTable, kind: Kind): Row => Object.fromEntries(Object.entries(table.columns).map(([name, c]) => {
  if (kind === 'bare' && c.optional) return [name, null]
  switch (c.kind) {
    case 'int': case 'float': return [name, 1]
    case 'bool': return [name, kind === 'full']
    case 'decimal': return [name, '1']
    case 'timestamp': return [name, formats['date-time']]
    case 'uuid': return [name, formats['uuid']]
    case 'json': return [name, sampleOf(c.schema && jsonOf(c.schema, 'output'))]
    default: return [name, 'text']
  }
}))
const answered = (handler: AnyHandler, name: string, ask: Ask, kind: Kind): unknown => {
  const table = handler.tables.find(t => t.name === name), port = handler.ports.find(p => p.port === name)
  if (ask.op === 'ask') return sampleOf(port?.shape.ask && jsonOf(port.shape.ask.answer, 'output'))
  if (ask.op === 'where' || ask.op === 'noRows') return table && kind !== 'absent' ? [rowOf(table, kind)] : []
  return table && kind !== 'absent' ? O.some(rowOf(table, kind)) : O.none
}
const lookedUp = (handler: AnyHandler, asked: Lookups | Then, kind: Kind): object => {
  const all = (lookups: Lookups): object => Object.fromEntries(Object.entries(lookups).map(([name, l]) => [name, answered(handler, l.lookup, l.ask, kind)]))
  if (!('next' in asked && typeof asked.next === 'function')) return all(asked as Lookups)
  const first = all((asked as Then).first)
  return { ...first, ...all((asked as Then).next(first as never)) }
}

const messageOf = (type: AnyType, side: 'input' | 'output'): Message => ({ id: 'm', source: 's', type: type.type, subject: 'k', time: '2020-01-01T00:00:00.000Z', dataschema: `${type.type}/${type.version}`, data: sampleOf(jsonOf(type.schema, side)), correlationid: 'm' })
const ctx = { now: '2020-01-01T00:00:00.000Z', actor: 'actor', tenant: 'tenant', id: (label: string) => label, log: () => {} }

/** What a query or a resolver would answer on made-up rows; nothing where it does not take to them (it throws). */
export const answersOf = (handler: AnyQuery | AnyResolver): readonly { readonly kind: Kind; readonly value: unknown }[] => kinds.flatMap(kind => {
  try {
    if (handler.kind === 'query') {
      const query = handler as AnyQuery, args = sampleOf(jsonOf(query.args, 'output'))
      return [{ kind, value: query.answer(lookedUp(query, query.lookup(args, ctx), kind), args) }]
    }
    const resolver = handler as AnyResolver, events = Object.fromEntries(resolver.out.map(t => [t.type, [messageOf(t, 'output')]]))
    return [{ kind, value: resolver.answer(lookedUp(resolver, resolver.lookup(events, messageOf(resolver.in[0]!, 'output')), kind)) }]
  } catch { return [] }
})
