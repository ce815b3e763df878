import { type Maker, grown, makers } from './grown.js'

// A process of its own: a large heap would slow down what a small one shares the process with.
const [maker, rows] = process.argv.slice(2), table = grown(makers[maker as Maker], Number(rows))

export type Ask = { readonly ask: 'heap' } | { readonly ask: 'round'; readonly commands: number } | { readonly ask: 'end' }
export type Told = { readonly found: number } | { readonly failed: string }

const tell = (told: Told): void => { process.send?.(told) }
process.on('message', (message: Ask) => {
  const done = message.ask === 'heap' ? table.heap() : message.ask === 'round' ? table.round(message.commands) : table.end().then(() => 0)
  done.then(found => tell({ found }), (error: unknown) => tell({ failed: error instanceof Error ? error.stack ?? error.message : String(error) }))
})
process.on('disconnect', () => process.exit())
