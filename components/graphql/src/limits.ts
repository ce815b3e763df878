import { type DocumentNode, NoSchemaIntrospectionCustomRule, parse } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import { failure, shortened } from './errors.js'
import type { Limits } from './options.js'
import { tooMuch } from './weigh.js'

/**
 * Documents that are parsed and validated once, those used last. Counted in characters, for a document takes up to 250 bytes a character once it is
 * parsed: a thousand of 8 KB would hold 470 MB. Longer ones are not kept, nor is what does not parse.
 */
const kept = { characters: 128 * 1024, each: 8 * 1024 } as const
export const documentCaches = () => ({
  documentCache: new LRUCache<string, DocumentNode>({ maxSize: kept.characters, maxEntrySize: kept.each, sizeCalculation: (_, document) => document.length }),
  errorCache: { get: () => undefined, set: () => {} },
})

/**
 * The limits of a document, as a plugin that a Yoga of one's own may take too; `production` also ends introspection and suggestions.
 * They come before GraphQL's own validation: what they refuse never reaches its rules, some of which take the square of a document's length, or more.
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
