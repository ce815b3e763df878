import type { Shell } from '@lowtide/core'

export interface Saboteur { readonly name: string; readonly law: number; readonly sabotage: (shell: Shell) => Shell }
export const saboteurs: readonly Saboteur[] = []
