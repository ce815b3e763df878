/** The one shape of all servers: a start function resolves with this as soon as the server has answered. */
export type Server = {
  /** Where it serves, with the user and the password to come in; do not print it. */
  readonly url: string
  /** Resolves when the server is gone. Safe to call twice. */
  stop(): Promise<void>
}
