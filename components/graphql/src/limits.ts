import { NoSchemaIntrospectionCustomRule, parse } from 'graphql'
import { type Plugin, createLRUCache } from 'graphql-yoga'
import { failure, shortened } from './errors.js'
import type { Limits } from './options.js'
import { tooMuch } from './weigh.js'

/** Documents that are parsed and validated once; longer ones are not kept, so that nobody fills memory with them. */
const kept = { documents: 1_000, characters: 8_192 } as const
const cache = <A extends object>() => {
  const lru = createLRUCache<A>({ max: kept.documents })
  return { get: (key: string): A | undefined => lru.get(key), set: (key: string, value: A): void => { if (key.length <= kept.characters) lru.set(key, value) } }
}
export const documentCaches = () => ({ documentCache: cache<ReturnType<typeof parse>>(), errorCache: cache<Error>() })

/**
 * The limits of a document come before GraphQL's own validation: what they refuse never reaches its rules, some of which take the square of a
 * document's length, or more.
 */
export const limiting = (n: Limits, production: boolean): Plugin => ({
  onParse: ({ setParseFn }) => setParseFn((source, o) => parse(source, { ...o, maxTokens: n.tokens })),
  onValidate: ({ setValidationFn, validateFn, addValidationRule }) => {
    if (production) addValidationRule(NoSchemaIntrospectionCustomRule)
    setValidationFn((schema, document, ...rest) => {
      const over = tooMuch(document, n, production)
      return over === undefined ? validateFn(schema, document, ...rest).map(shortened(production)) : [failure('too-complex', over)]
    })
  },
})
