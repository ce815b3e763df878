import { port } from '@lowtide/core'
import { z } from 'zod'

export const mail = port('mail', { effect: z.object({ to: z.email(), template: z.string() }) })
