/** Without one there is nothing to wire: a fault of the surroundings, told in one message like the faults of the wiring. */
export const databaseUrl = (url: string | undefined): string => {
  if (url) return url
  throw Object.assign(new Error("[gql-postgres] cannot start without a database: expected DATABASE_URL=postgres://user:password@host:port/database in the environment, found none; set it, or run 'npm start gql-postgres', which starts one"), { code: 'WIRING' })
}
