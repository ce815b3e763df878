/** An error as this repository tells them: where, what, expected, found, and what to do. */
export const fault = (text: string, cause?: unknown): Error => new Error(`[servers] ${text}`, cause === undefined ? undefined : { cause })

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
