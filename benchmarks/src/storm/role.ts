/** What a child process is told to be. */
export interface Role {
  /** Of its notes and its acknowledgements. */
  readonly name: string
  readonly process: 'front' | 'teller' | 'worker' | 'handlers' | 'projector'
  readonly url: string; readonly schema: string; readonly folder: string
  readonly sabotage?: string | undefined
  /** What it sends; a worker sends nothing. */
  readonly sends?: { readonly seed: number; readonly producer: number; readonly orders: number }
}
/** What it tells. */
export type Told = { readonly ready: true } | { readonly acknowledged: number } | { readonly done: true }
export const acknowledgedFile = (producer: number): string => `acknowledged-${producer}`
/** What a producer is told: beyond so many orders it goes slowly, so that there is traffic whatever happens meanwhile; and no more than it has begun. */
export type Wish = { readonly upTo: number } | { readonly enough: true }
