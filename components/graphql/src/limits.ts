import { NoSchemaIntrospectionCustomRule, parse } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { failure, shortened } from './errors.js'
import type { Limits } from './options.js'
import { tooMuch } from './weigh.js'

/**
 * Documents that are parsed and validated once, those used last. Counted in characters, for a document takes up to 250 bytes a character once it is
 * parsed: a thousand of 8 KB would hold 470 MB. Longer ones are not kept, nor is what does not parse.
 */
const kept = { characters: 128 * 1024, each: 8 * 1024 } as const
const cache = <A>() => {
  const values = new Map<string, A>()
  let characters = 0, newest = ''
  const put = (key: string, value: A): void => { values.delete(key); values.set(newest = key, value) }
  return {
    get: (key: string): A | undefined => {
      const value = values.get(key)
      if (value !== undefined && key !== newest) put(key, value)
      return value
    },
    set: (key: string, value: A): void => {
      if (key.length > kept.each) return
      if (!values.has(key)) characters += key.length
      put(key, value)
      for (const [oldest] of values) { if (characters <= kept.characters) return; values.delete(oldest); characters -= oldest.length }
    },
  }
}
export const documentCaches = () => ({ documentCache: cache<ReturnType<typeof parse>>(), errorCache: { get: () => undefined, set: () => {} } })

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
