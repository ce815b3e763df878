import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { chance } from '@lowtide/conformance'
import { type Entry, type Receiver, again, ledger } from './role.js'

// The outside: its ledger is a file of its own, whose ids are its inbox. It fails by chance before it takes anything, in the middle, and when all is taken.
process.on('disconnect', () => process.exit())
const { folder, port, seed, sabotage } = JSON.parse(process.argv[2]!) as Receiver, file = join(folder, ledger), random = chance(seed)
const text = existsSync(file) ? readFileSync(file, 'utf8') : '', inbox = new Set(text.split('\n').flatMap(line => { try { return [(JSON.parse(line) as Entry).id] } catch { return [] } }))
if (text !== '' && !text.endsWith('\n')) appendFileSync(file, '\n') // torn by its end: that entry is not in the inbox, and comes again

const apply = (entries: readonly Entry[]): void => {
  for (const entry of entries) {
    if (inbox.has(entry.id) && sabotage !== 'keeps no inbox') { appendFileSync(join(folder, again), '.'); continue }
    inbox.add(entry.id)
    appendFileSync(file, `${JSON.stringify(entry)}\n`)
  }
}
const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => {
    const entries = JSON.parse(body) as readonly Entry[], fate = random(), end = (status: number): void => { response.writeHead(status).end() }
    if (fate < 0.1) return end(503)
    if (fate < 0.2) { apply(entries.slice(0, Math.floor(random() * entries.length))); return end(500) }
    apply(entries)
    if (fate < 0.3) request.socket.destroy()
    else end(204)
  })
})
server.listen(port, '127.0.0.1', () => process.send!({ port: (server.address() as { readonly port: number }).port }))
