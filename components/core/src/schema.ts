import * as E from 'fp-ts/lib/Either.js'

/** A phantom key: keeps a type on a value, out of sight of completion. */
export declare const of: unique symbol

/** What a schema library finds wrong with one field; `path` is dotted, empty for the whole value. */
export interface Issue { readonly path: string; readonly message: string }
type Found = { readonly message: string; readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined }
type Checked<O> = { readonly value: O; readonly issues?: undefined } | { readonly issues: readonly Found[] }

/** A synchronous Standard Schema, version 1 (https://standardschema.dev): zod, valibot, arktype and others make them. */
export interface Schema<I = unknown, O = unknown> {
  readonly '~standard': {
    readonly version: 1; readonly vendor: string
    readonly validate: (value: unknown) => Checked<O> | Promise<Checked<O>>
    readonly types?: { readonly input: I; readonly output: O } | undefined
  }
}
export type Input<S extends Schema> = NonNullable<S['~standard']['types']>['input']
export type Output<S extends Schema> = NonNullable<S['~standard']['types']>['output']
type Primitive = string | number | boolean | null | undefined
export type Deep<T> = T extends Primitive ? T : T extends readonly (infer U)[] ? number extends T['length'] ? readonly Deep<U>[] : { readonly [I in keyof T]: Deep<T[I]> } : { readonly [K in keyof T]: Deep<T[K]> }
type Json<T> = 0 extends 1 & T ? never : T extends Primitive ? T : T extends bigint | symbol | ((...args: never) => unknown) ? never : T extends readonly (infer U)[] ? number extends T['length'] ? readonly Json<U>[] : { [K in keyof T]: Json<T[K]> } : { [K in keyof T]: Json<T[K]> }
/** What is published is the output, and it is parsed again elsewhere: defaults and trims pass, transforms to another type do not. */
export type Stable<S extends Schema> = [Output<S>] extends [Input<S> & Json<Output<S>>] ? unknown : { readonly error: 'data must be JSON that its own schema accepts' }

/** Parses a value; the issues name the fields. A schema that answers with a promise is an issue too: decisions are synchronous. */
export const parse = <O>(schema: Schema<unknown, O>, value: unknown): E.Either<readonly Issue[], O> => {
  const checked = schema['~standard'].validate(value)
  if (checked instanceof Promise) return E.left([{ path: '', message: `the schema (${schema['~standard'].vendor}) is asynchronous; checks that wait belong into a lookup` }])
  return checked.issues === undefined ? E.right(checked.value)
    : E.left(checked.issues.map(i => ({ path: (i.path ?? []).map(p => String(typeof p === 'object' ? p.key : p)).join('.'), message: i.message })))
}

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])
/** Bounds on what a message may hold: levels of nesting, and bytes of its JSON. */
export const limits = { depth: 64, bytes: 200 * 1024 } as const
const storable = (text: string): boolean => text.isWellFormed() && !text.includes('\u0000')

const trail: string[] = [] // where `copy` stands: one for all, for it runs no code of others
const refuse = (found: string, depth = trail.length): never => { throw new TypeError(`${trail.slice(0, depth).join('.') || 'the value'}: expected JSON that every store can keep, found ${found}`) }
const copy = (value: unknown): unknown => {
  if (typeof value === 'string') return storable(value) ? value : refuse('a NUL character or a lone surrogate')
  if (typeof value === 'number') return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)) ? refuse(`the number ${value}, which JSON or 2^53 cannot hold`) : value + 0 // JSON knows no -0
  if (value === null || typeof value === 'boolean') return value
  if (typeof value !== 'object') return refuse(typeof value)
  if (trail.length > limits.depth) return refuse(`more than ${limits.depth} levels`, 3)
  const list = Array.isArray(value), proto: unknown = Object.getPrototypeOf(value), fields = value as Record<string, unknown>, made: Record<string, unknown> | unknown[] = list ? [] : {}
  if (!list && proto !== Object.prototype && proto !== null) return refuse(`an object of class ${fields.constructor?.name}`)
  for (const name in fields) {
    if (!Object.hasOwn(fields, name) || (fields[name] === undefined && !list)) continue
    if (forbidden.has(name) || !storable(name)) refuse(`a field named '${name}'`)
    trail.push(name)
    ;(made as Record<string, unknown>)[name] = copy(fields[name])
    trail.pop()
  }
  return Object.freeze(made)
}
/** What JSON carries unchanged through every store: a frozen copy, or an error that names the path. `undefined` fields vanish, as in JSON. */
export const seal = <A>(value: A, path?: string): A => {
  if (typeof value === 'string' && storable(value)) return value
  trail.length = 0
  if (path !== undefined) trail.push(path)
  return copy(value) as A
}
/** At least the bytes of its JSON, and quickly told. */
export const atMost = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value.length * 6 + 2 : 24
  let sum = 2
  for (const name in value) sum += name.length * 6 + 4 + atMost((value as Record<string, unknown>)[name])
  return sum
}

/** Whether all fields stand in the order of `canonical`: what is sealed has the same text as plain JSON then, at half the cost. */
export const inOrder = (value: unknown): boolean => {
  let last = ''
  if (typeof value === 'object' && value !== null) for (const name in value) { if ((name < last && !Array.isArray(value)) || !inOrder((value as Record<string, unknown>)[name])) return false; last = name }
  return true
}
/** JSON with the fields in one order: the same text exactly when the values are equal. */
export const canonical = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  const fields = value as Record<string, unknown>
  return `{${Object.keys(fields).sort().filter(n => fields[n] !== undefined).map(n => `${JSON.stringify(n)}:${canonical(fields[n])}`).join()}}`
}
