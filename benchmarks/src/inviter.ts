/** What either side answered to a command. */
export type Answer =
  | { readonly events: readonly { readonly id: string; readonly data: unknown }[]; readonly commandId: string }
  | { readonly rejected: string; readonly commandId: string }
  | { readonly refused: string }

/** A way to invite customers, measured or hand-written. `A` is its own answer, read only when nothing is timed. */
export interface Inviter<A = unknown> {
  invite(email: string, id?: string): Promise<A>
  read(answer: A): Answer
  /** The id of the row with each of these emails. */
  rows(emails: readonly string[]): Promise<readonly (string | undefined)[]>
  /** How many events the log holds. */
  events(): Promise<number>
  close(): Promise<void>
}

/** What a caller sends, and what it is once it is normalised. */
export const emailOf = (index: number): string => `customer.${index}@example.org`
export const typedOf = (index: number): string => ` Customer.${index}@Example.ORG `
