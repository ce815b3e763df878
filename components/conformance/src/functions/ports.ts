import { port } from '@lowtide/core'
import { z } from 'zod'

/** Asks the suite what shall happen: `go`, or `throw` in the decision. The suite may also fail to answer, or take its time. */
export const gate = port('gate', { ask: { args: z.object({ name: z.string(), at: z.string() }), answer: z.enum(['go', 'throw']) } })
/** Acts on the world once. */
export const bell = port('bell', { effect: z.object({ list: z.string(), item: z.string() }) })
/** Acts on the world once an instance. */
export const ear = port('ear', { effect: z.object({ list: z.string(), item: z.string() }) })
