import type { Message } from '@lowtide/core'
import type { GraphQLScalarType } from 'graphql'
import type { IncomingMessage } from 'node:http'

/** Who asks: goes into messages as `actor` and `tenant`. Both absent: an anonymous caller. */
export interface Identity { readonly actor?: string | undefined; readonly tenant?: string | undefined }

/** Bounds on what one request may ask, and on what it may hold; all but `body`, `requests`, `request`, `headers`, `subscribers`, `buffer` and `grace` are checked before anything is executed. */
export const limits = {
  /** Bytes of a body, else 413. */ body: 256 * 1024,
  /** Tokens of a document. */ tokens: 1_000,
  /** Levels of fields, fragments counted where they are spread. */ depth: 12,
  /** Aliases, fragments counted where they are spread. */ aliases: 15,
  /** Directives, fragments counted where they are spread. */ directives: 20,
  /** A scalar costs 1, an object 2 and 1.5 times what is in it, a page as often as its `first` or `last` says. */ cost: 5_000,
  /** Pairs of fields that answer under one name, and of spreads beside each other: GraphQL compares each pair. */ overlaps: 3_000,
  /** Milliseconds for a whole request to come in, else 408; and for its headers. */ request: 30_000, headers: 10_000,
  /** Requests that a process holds at once, subscriptions among them; above, 503 `busy`. */ requests: 4_096,
  /** Subscriptions that a process serves, and events that wait in it for one slow subscriber. */ subscribers: 1_000, buffer: 256,
  /** Milliseconds for requests in flight when closing. */ grace: 3_000,
} as const
export type Limits = { readonly [K in keyof typeof limits]: number }

export interface Options {
  /** What is shown, in the schema definition language; several are merged. A field of `Mutation` is the command of its name, of `Query` the query, of `Subscription` the event. */
  readonly typeDefs: string | readonly string[]
  /** Default 4000; 0 takes a free one. */
  readonly port?: number | string | undefined
  /** Default 127.0.0.1. */
  readonly host?: string | undefined
  /** Default /graphql. */
  readonly path?: string | undefined
  /** Turns a request into who asks; `null` refuses it as `unauthenticated` (401). Without it everybody is anonymous. */
  readonly identify?: ((request: IncomingMessage) => Identity | null | Promise<Identity | null>) | undefined
  /** Whether a subscriber may see an event. Default: those of the own tenant. */
  readonly hears?: ((who: Identity, event: Message) => boolean) | undefined
  /** No GraphiQL, no introspection, no suggestions, errors masked. Default: whether NODE_ENV is `production`. */
  readonly production?: boolean | undefined
  /** A document with which GraphiQL opens. */
  readonly example?: string | undefined
  readonly limits?: Partial<Limits> | undefined
  /** Custom scalars of the type definitions, by name. */
  readonly scalars?: { readonly [name: string]: GraphQLScalarType } | undefined
  /** Called with the URL once requests are served. */
  readonly listening?: ((url: string) => void) | undefined
}
