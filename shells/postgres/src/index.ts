export { type Queries, type Queryable, type QueryableOptions, queryable } from './queryable.js'
export { type PostgresOptions, type RetentionOptions, guarantees, postgres } from './postgres.js'
