import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { type Deep, type Input, type Issue, type Output, type Schema, type Stable, atMost, canonical, inOrder, limits, type of, seal } from './schema.js'

/** A message in its envelope: CloudEvents 1.0 attributes, four documented extensions, and `tenant` and `actor`. On a wire, `partitionkey` is the `subject`. */
export interface Message<T extends string = string, D = unknown> {
  readonly id: string; readonly source: string; readonly type: T; readonly subject: string
  /** ISO 8601; when the message that started it all entered. */
  readonly time: string
  readonly dataschema: string; readonly data: D
  readonly correlationid: string; readonly causationid?: string | undefined; readonly traceparent?: string | undefined
  readonly tenant?: string | undefined; readonly actor?: string | undefined
}
export type Kind = 'command' | 'event' | 'effect'
/** What a maker returns: a message without its envelope. */
export interface Draft<K extends Kind = Kind, T extends string = string, I = unknown, C extends string = string> { readonly kind: K; readonly type: T; readonly data: I; readonly key?: string; readonly [of]?: C }
export interface Channel { readonly channel: string; /** Written or read by somebody outside this deployment: wiring asks for no counterpart. */ readonly external: boolean }
export interface AnyType {
  readonly kind: Kind; readonly type: string; readonly version: number; readonly channel: Channel; readonly schema: Schema; /** Type and version, as its messages carry them. */ readonly dataschema: string
  readonly rejections: readonly string[]; readonly steps: readonly ((old: never) => unknown)[]; keyOf(data: unknown): string; readonly [of]?: unknown
}
export interface MessageType<K extends Kind, T extends string, I, D, C extends string> extends AnyType {
  (data: I): Draft<K, T, I, C>
  readonly kind: K; readonly type: T; readonly rejections: readonly C[]; readonly [of]?: D
}
export interface Command<T extends string, I, D, C extends string> extends MessageType<'command', T, I, D, C> {}
export interface Event<T extends string, D> extends MessageType<'event', T, D, D, never> {}
export interface AnyCommand extends AnyType { readonly kind: 'command' }
export interface AnyEvent extends AnyType { readonly kind: 'event' }
export type MessageOf<M> = M extends { readonly type: infer T extends string; readonly [of]?: infer D } ? Message<T, D> : never
export type DraftOf<M> = M extends MessageType<infer K, infer T, infer I, infer _D, infer C> ? Draft<K, T, I, C> : never
export type TypeOf<M> = M extends { readonly type: infer T extends string } ? T : never
export type CodesOf<M> = M extends { readonly rejections: readonly (infer C extends string)[] } ? C : never

/** A typed chain of pure steps, one a version: `from(schemaV1).via(toV2).via(toV3)`. */
export interface Upcast<D, V extends readonly unknown[] = [1]> { readonly [of]?: D; readonly count?: V; readonly oldest: Schema; readonly steps: readonly ((old: never) => unknown)[]; via<X>(lift: (old: D) => X): Upcast<X, [...V, 1]> }
const chain = <D, V extends readonly unknown[]>(oldest: Schema, steps: readonly ((old: never) => unknown)[]): Upcast<D, V> => ({ oldest, steps, via: lift => chain(oldest, [...steps, lift]) })
export const from = <S extends Schema>(oldest: S): Upcast<Output<S>> => chain(oldest, [])

export const channel = (name: string, o: { external?: boolean } = {}): Channel => ({ channel: name, external: o.external ?? false })

type Lifted<I, V> = V extends 1 ? { upcast?: never } : { upcast: Upcast<I, readonly 1[] & { length: V }> }
type Declared<S extends Schema, V extends number> = { channel: Channel; version?: V; schema: S & Stable<S>; key: (data: Deep<Output<NoInfer<S>>>) => string } & Lifted<Input<NoInfer<S>>, NoInfer<V>>
interface Declaration { channel: Channel; version?: number; schema: Schema; key: (data: never) => string; rejections?: readonly string[]; upcast?: { oldest: Schema; steps: readonly ((old: never) => unknown)[] } | undefined }
const declared = <K extends Kind>(kind: K, type: string, o: Declaration) => Object.assign((data: unknown): Draft => ({ kind, type, data }), {
  kind, type, version: o.version ?? 1, dataschema: `${type}/${o.version ?? 1}`, channel: o.channel, schema: o.schema, rejections: o.rejections ?? [], steps: o.upcast?.steps ?? [],
  keyOf: (data: unknown) => o.key(data as never),
})

/** Declares a command: a message that asks for a change. `key` orders it; `rejections` are the codes with which the business may say no. */
export function command<const T extends string, S extends Schema, const C extends string = never, const V extends number = 1>(type: T, o: Declared<S, V> & { rejections?: readonly Exclude<C, 'constraint'>[] }): Command<T, Deep<Input<S>>, Deep<Output<S>>, C>
export function command(type: string, o: Declaration): AnyType { return declared('command', type, o) }
/** Declares an event: a message that says what happened. A `version` above 1 needs the `upcast` that lifts the older ones. */
export function event<const T extends string, S extends Schema, const V extends number = 1>(type: T, o: Declared<S, V>): Event<T, Deep<Output<S>>>
export function event(type: string, o: Declaration): AnyType { return declared('event', type, o) }
/** The message type of a port's effect, on the port's own channel. */
export const effectType = (port: string, schema: Schema): AnyType => declared('effect', port, { channel: channel(`effect-${port}`), schema, key: () => '' })

const flat = Buffer.alloc(36, '-'), digits = Buffer.from('0123456789abcdef'), places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
/** A UUID (RFC 9562) of sixteen bytes, which are given as a text, a character each. Made through a buffer, for one flat text: slices put together stay a tree, and an id is kept for days. */
export const uuidOf = (bytes: string, from: number, version: 4 | 8): string => {
  for (let i = 0; i < 16; i++) { const byte = bytes.charCodeAt(from + i), at = places[i]!; flat[at] = digits[byte >> 4]!; flat[at + 1] = digits[byte & 15]! }
  flat[14] = digits[version]!; flat[19] = 0x61
  return flat.toString('latin1')
}
/** A UUID of version 8 made from its parts by SHA-256: the same parts, the same id, on every shell. */
export const idOf = (first: string, ...rest: readonly (string | number)[]): string => uuidOf(hash('sha256', rest.reduce<string>((text, part) => `${text}\u0000${part}`, first), 'binary'), 0, 8)
/** Tells two bodies apart under one id: a digest of type and data, whatever the order of the fields. */
export const bodyOf = (type: string, data: unknown): string => hash('sha256', type + (inOrder(data) ? JSON.stringify(data) : canonical(data)), 'base64url')

type Rest = Omit<Message, 'type' | 'data' | 'subject' | 'dataschema'>
/** Puts what a schema has parsed, or a handler has made, into an envelope: sealed, keyed, at most 200 KiB. */
export const envelop = (type: AnyType, data: unknown, r: Rest, key?: string): E.Either<readonly Issue[], Message> => {
  try {
    const sealed = seal(data), message: { -readonly [K in keyof Message]: Message[K] } = {
      id: r.id, source: r.source, type: type.type, subject: seal(key ?? type.keyOf(sealed), 'key'), time: r.time, dataschema: type.dataschema, data: sealed,
      correlationid: r.correlationid,
    }
    if (r.causationid !== undefined) message.causationid = r.causationid; if (r.traceparent !== undefined) message.traceparent = r.traceparent
    if (r.tenant !== undefined) message.tenant = r.tenant; if (r.actor !== undefined) message.actor = r.actor
    const bytes = atMost(message) > limits.bytes ? Buffer.byteLength(JSON.stringify(message)) : 0
    if (bytes > limits.bytes) throw new TypeError(`the message '${type.type}' is too large: expected at most ${limits.bytes} bytes, found ${bytes}; keep large things elsewhere and send a reference`)
    return E.right(Object.freeze(message))
  } catch (e) { return E.left([{ path: '', message: e instanceof Error ? e.message : String(e) }]) }
}
