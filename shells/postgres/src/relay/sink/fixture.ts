import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'

// A process that is told things over HTTP. Its ledger is a file, whose idempotency keys are its inbox; it fails by chance before it applies anything, and after.
process.on('disconnect', () => process.exit())
const { file, port } = JSON.parse(process.argv[2]!) as { readonly file: string; readonly port: number }
const inbox = new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(line => line !== '').map(line => (JSON.parse(line) as { readonly id: string }).id) : [])
const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (part: string) => { body += part }).on('end', () => {
    const id = String(request.headers['idempotency-key']), fate = Math.random()
    if (fate < 0.1) return response.writeHead(fate < 0.05 ? 503 : 429).end()
    if (!inbox.has(id)) { inbox.add(id); appendFileSync(file, `{"id":${JSON.stringify(id)},"data":${body}}\n`) }
    if (fate < 0.25) request.socket.destroy()
    else response.writeHead(204).end()
    return undefined
  })
})
server.listen(port, '127.0.0.1', () => process.send!((server.address() as { readonly port: number }).port))
