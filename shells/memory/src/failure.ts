import type { Failure } from '@lowtide/core'

/** What another attempt would only find again. */
export const failure = (text: string): Failure => ({ failure: `[memory] ${text}`, retry: false })
export const textOf = (e: unknown): string => e instanceof Error ? e.message : String(e)
