/** What a load asks, and which answers are right. A module that exports one as `asking` can be loaded by name in the process of the load. */
export interface Asking {
  readonly path: string
  /** The body of the request at this place; a round of requests goes on where the last one ended. */
  body(index: number): string
  /** Whether this is the answer to it, byte for byte as it came. */
  right(index: number, status: number, answer: string): boolean
}
