export { graphql } from './graphql.js'
export { limiting } from './limits.js'
export { limits } from './options.js'
export type { Identity, Limits, Options } from './options.js'
