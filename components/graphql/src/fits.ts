import { nearest } from '@lowtide/run'
import { type GraphQLInputType, type GraphQLOutputType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType, isObjectType, isScalarType } from 'graphql'
import { sourceOf } from './names.js'
import { plain } from './bind.js'
import type { Json } from './sample.js'

type Say = (path: string, text: string) => void
const scalars: { readonly [name: string]: readonly string[] } = { Int: ['integer', 'number'], Float: ['number'], String: ['string'], ID: ['string'], Boolean: ['boolean'] }
const options = (json: Json): readonly Json[] => [json.anyOf, json.oneOf].flatMap(list => list ?? []).flatMap(options).concat(json.anyOf || json.oneOf ? [] : [json])
const typesOf = (json: Json): readonly string[] | undefined => {
  const all = options(json)
  if (all.some(j => j.type === undefined && j.enum === undefined && !('const' in j))) return undefined // takes anything, or says it in a way not read here
  return all.flatMap(j => j.type ?? [...(j.enum ?? [j.const])].map(v => v === null ? 'null' : typeof v)).flat()
}

/** Whether every value that GraphQL lets through to an argument can be what its schema says. */
const takes = (path: string, type: GraphQLInputType, json: Json, say: Say): void => {
  const types = typesOf(json), inner = isNonNullType(type) ? type.ofType : type
  if (!isNonNullType(type) && types !== undefined && !types.includes('null')) say(path, `may be null (${String(type)}), which its schema refuses; write ${String(type)}!, or let the schema take null`)
  if (isListType(inner)) {
    const items = options(json).find(j => j.items !== undefined)?.items
    if (types !== undefined && !types.includes('array')) say(path, `is a list (${String(type)}), its schema takes ${types.join(' or ')}`)
    else if (typeof items === 'object') takes(`${path}[]`, inner.ofType, items, say)
  } else if (isInputObjectType(inner)) {
    const object = options(json).find(j => j.properties !== undefined)
    if (types !== undefined && !types.includes('object')) say(path, `is an object (${String(type)}), its schema takes ${types.join(' or ')}`)
    else if (object) fieldsFit(`${path}.`, Object.values(inner.getFields()), object, say)
  } else if (isEnumType(inner)) {
    const known = options(json).flatMap(j => j.enum ?? ('const' in j ? [j.const] : []))
    if (types !== undefined && !types.includes('string')) say(path, `is an enum (${String(type)}), its schema takes ${types.join(' or ')}`)
    else if (known.length > 0) for (const v of inner.getValues()) if (!known.includes(v.value)) say(path, `may be ${v.name}, which its schema refuses${nearest(v.name, known.map(String))}`)
  } else if (isScalarType(inner) && types !== undefined) {
    const wanted = scalars[inner.name]
    if (wanted && !wanted.some(t => types.includes(t))) say(path, `is ${String(type)}, its schema takes ${types.join(' or ')}`)
  }
}
/** Whether arguments, or the fields of an input object, are those of a schema. */
export const fieldsFit = (at: string, fields: readonly { readonly name: string; readonly type: GraphQLInputType; readonly defaultValue?: unknown }[], json: Json, say: Say): void => {
  const known = json.properties ?? {}
  for (const f of fields) {
    const mine = known[f.name]
    if (mine === undefined) { if (!json.additionalProperties) say(`${at}${f.name}`, `is not in the schema${nearest(f.name, Object.keys(known))}`) }
    else {
      takes(`${at}${f.name}`, f.type, mine, say)
      if (!isNonNullType(f.type) && f.defaultValue === undefined && json.required?.includes(f.name)) say(`${at}${f.name}`, `may be left out (${String(f.type)}), its schema requires it`)
    }
  }
  for (const name of json.required ?? []) if (!fields.some(f => f.name === name)) say(`${at}${name}`, 'is required by the schema, and is not among the arguments')
}

const isObject = (v: unknown): v is { readonly [name: string]: unknown } => typeof v === 'object' && v !== null && !Array.isArray(v)
/** Whether values that a function would answer fill a type; `why` tells when a value is null. */
export const fills = (path: string, type: GraphQLOutputType, found: readonly { readonly value: unknown; readonly why: string }[], say: Say): void => {
  const all = found.map(f => ({ ...f, value: plain(f.value) })), empty = all.find(f => f.value == null), there = all.filter(f => f.value != null)
  if (isNonNullType(type) && empty) say(path, `is ${String(type)}, and the answer is null ${empty.why}; write it without '!'`)
  const inner = isNonNullType(type) ? type.ofType : type
  if (isListType(inner)) {
    if (there.some(f => !Array.isArray(f.value))) say(path, `is a list (${String(type)}), the answer has ${kindOf(there[0]!.value)}`)
    else fills(`${path}[]`, inner.ofType, there.flatMap(f => (f.value as readonly unknown[]).map(value => ({ ...f, value }))), say)
  } else if (isLeafType(inner)) {
    for (const f of there) try { inner.serialize(f.value) } catch { say(path, `is ${String(type)}, the answer has ${kindOf(f.value)}`); break }
  } else if (isObjectType(inner)) {
    const objects = there.flatMap(f => isObject(f.value) ? [{ ...f, value: f.value }] : [])
    if (objects.length < there.length) say(path, `is an object (${String(type)}), the answer has ${kindOf(there.find(f => !isObject(f.value))!.value)}`)
    else if (objects.length > 0) for (const field of Object.values(inner.getFields())) {
      const name = sourceOf(field), holders = objects.filter(f => name in f.value)
      if (holders.length === 0) say(`${path}.${field.name}`, `can be filled by no answer${name === field.name ? '' : ` (it takes '${name}')`}${nearest(name, objects.flatMap(f => Object.keys(f.value)))}; @from(field: "…") takes it from a field of another name`)
      else fills(`${path}.${field.name}`, field.type, holders.map(f => ({ ...f, value: f.value[name] })), say)
    }
  }
}
const kindOf = (value: unknown): string => Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
