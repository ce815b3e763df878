import type { Verb } from '@lowtide/core'
import type { Access } from './database.js'
export const verbs = (_: Access): readonly Verb[] => []
