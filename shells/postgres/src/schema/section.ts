/** A part of a status: what is so, and what to do about it. `alarm`: the command ends with 1. */
export interface Section { readonly title: string; readonly body: string; readonly advice: readonly string[]; readonly alarm: boolean }
export const section = (title: string, body: string, advice: readonly string[] = [], alarm = advice.length > 0): Section => ({ title, body, advice, alarm })
