export { type PostgresOptions, guarantees, postgres } from './postgres.js'
