import type { IncomingMessage, RequestListener } from 'node:http'
import { type DocumentNode, type ExecutionResult, execute, parse, validate } from 'graphql'
import { executed, schema } from './constant.js'
import { serve } from './serve.js'

interface Asked { readonly query: string; readonly variables?: Record<string, unknown>; readonly operationName?: string }
const cached = process.argv[2] === 'cached', documents = new Map<string, DocumentNode>()

const answered = async ({ query, variables, operationName }: Asked): Promise<ExecutionResult> => {
  const known = documents.get(query), document = known ?? parse(query)
  const errors = known ? [] : validate(schema, document)
  if (errors.length > 0) return { errors }
  if (cached && !known) documents.set(query, document)
  return execute({ schema, document, variableValues: variables, operationName })
}

const read = (request: IncomingMessage, then: (body: string) => void): void => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => then(Buffer.concat(chunks).toString()))
}

/** What one would write for POST and JSON and nothing else: the baseline. Each request is parsed, validated and executed; with `cached`, each document is parsed and validated once. */
const listener: RequestListener = (request, response) => read(request, body => {
  const send = (status: number, text: string): void => { response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) }).end(text) }
  void Promise.resolve().then(() => answered(JSON.parse(body) as Asked)).then(result => send(200, JSON.stringify(result)), (error: unknown) => send(400, String(error)))
})
await serve(listener, executed)
