import { blockFieldSuggestionsPlugin } from '@escape.tech/graphql-armor-block-field-suggestions'
import { costLimitRule } from '@escape.tech/graphql-armor-cost-limit'
import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases'
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth'
import { maxDirectivesRule } from '@escape.tech/graphql-armor-max-directives'
import { type GraphQLError, NoSchemaIntrospectionCustomRule, type ValidationContext, parse, validate } from 'graphql'
import { type Plugin, createLRUCache } from 'graphql-yoga'
import { failure } from './errors.js'
import type { Limits } from './options.js'

/** Documents that are parsed and validated once; longer ones are not kept, so that nobody fills memory with them. */
const kept = { documents: 1_000, characters: 8_192 } as const
const cache = <A extends object>() => {
  const lru = createLRUCache<A>({ max: kept.documents })
  return { get: (key: string): A | undefined => lru.get(key), set: (key: string, value: A): void => { if (key.length <= kept.characters) lru.set(key, value) } }
}
export const documentCaches = () => ({ documentCache: cache<ReturnType<typeof parse>>(), errorCache: cache<Error>() })

/**
 * Limits of graphql-armor, in a validation of their own that comes first: what they refuse never reaches the rules of GraphQL, some of which
 * take the square of a document's length, or more. Fragments are counted where they are spread, each looked at once.
 */
export const limiting = (n: Limits, production: boolean): readonly Plugin[] => {
  const report = { onReject: [(context: ValidationContext | null, e: GraphQLError): void => context?.reportError(failure('too-complex', e.message.replace('Syntax Error: ', '')))], propagateOnRejection: false, flattenFragments: true }
  const rules = [
    maxDepthRule({ n: n.depth, ...report }), maxAliasesRule({ n: n.aliases, allowList: [], ...report }), maxDirectivesRule({ n: n.directives, ...report }), costLimitRule({ maxCost: n.cost, ...report }),
  ]
  const limited: Plugin = {
    onParse: ({ setParseFn }) => setParseFn((source, o) => parse(source, { ...o, maxTokens: n.tokens })),
    onValidate: ({ setValidationFn, validateFn, addValidationRule }) => {
      if (production) addValidationRule(NoSchemaIntrospectionCustomRule)
      setValidationFn((schema, document, ...rest) => {
        const over = validate(schema, document, rules)
        return over.length > 0 ? over.slice(0, 1) : validateFn(schema, document, ...rest)
      })
    },
  }
  return [limited, ...(production ? [blockFieldSuggestionsPlugin({ mask: '' }) as Plugin] : [])]
}
