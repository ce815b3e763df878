import type { Failure } from '@lowtide/core'

/** How the command ends: 1 refused or failed, 2 wrong usage, 3 what is needed is away, from 128 on a signal. */
export type Exit = 1 | 2 | 3 | 130 | 143
/** Why it ends otherwise than asked; `data`: what was done all the same. */
export interface Trouble extends Error { readonly exit: Exit; readonly data?: object | undefined }

export const trouble = (exit: Exit, text: string, data?: object): Trouble => Object.assign(new Error(text), { exit, data })
export const usage = (text: string): Trouble => trouble(2, text)
/** A shell's failure is away where another attempt may help. */
export const exitOf = ({ retry, unavailable }: Failure): Exit => retry || unavailable === true ? 3 : 1
export const failed = (f: Failure): Trouble => trouble(exitOf(f), f.failure)

const isTrouble = (e: unknown): e is Trouble => e instanceof Error && 'exit' in e
/** What nobody foresaw is told with its stack: it is a fault of a shell, or of this command. */
export const troubleOf = (e: unknown): Trouble => isTrouble(e) ? e : trouble(1, e instanceof Error ? e.stack ?? e.message : String(e))

const names = { 1: 'failed', 2: 'usage', 3: 'unavailable', 130: 'interrupted', 143: 'interrupted' } as const
/** For programs. */
export const documentOf = ({ exit, message, data }: Trouble): object => ({ ...data, error: { code: names[exit], exit, message } })
