import { type AnyDecider, type AnyPort, accept } from '@lowtide/core'

/** The handler that acts on the world for a port: its lookup is the deed, its decision that it is done. */
export const performer = (port: AnyPort): AnyDecider => ({
  kind: 'effect', name: `effect-${port.port}`, in: [port.message!], out: [], tables: [], ports: [port], settings: {}, write: {},
  lookup: m => ({ done: { lookup: port.port, ask: { op: 'effect', at: m.id, args: m.data } } }), operate: () => accept(),
})
