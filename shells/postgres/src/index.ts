export { type PostgresOptions, type RetentionOptions, guarantees, postgres } from './postgres.js'
