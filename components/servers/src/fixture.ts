import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { postgres, type PostgresOptions } from './index.js'

/** What a query answers, one row after the other. */
export const rows = async (url: string, query: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try { return (await client.query<Record<string, unknown>>(query)).rows } finally { await client.end() }
}

export const value = async (url: string, query: string): Promise<unknown> => Object.values((await rows(url, query))[0] ?? {})[0]

export const refused = (running: Promise<unknown>): Promise<string> =>
  running.then(() => { throw new Error('expected an error, found none') }, (error: Error) => error.message)

/** Folders of one test file, which another uid can enter, and their removal. */
export const folders = () => {
  const made: string[] = []
  return {
    make: (): string => {
      const folder = mkdtempSync(join(tmpdir(), 'lowtide-servers-test-'))
      chmodSync(folder, 0o755)
      made.push(folder)
      return folder
    },
    remove: (): void => { for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true }) },
  }
}

export type Told = { readonly url: string; readonly pid: number; readonly data: string; readonly uid: number | undefined }

let copied: string | undefined
/** This Node where any user can run it: that of a version manager may lie in a home folder. */
const reachable = (): string => {
  if (copied !== undefined) return copied
  const folder = mkdtempSync(join(tmpdir(), 'lowtide-node-'))
  chmodSync(folder, 0o755)
  copied = join(folder, 'node')
  copyFileSync(process.execPath, copied)
  chmodSync(copied, 0o755)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return copied
}
/** A process that starts a server, tells about it, and stops it when it is told to, or (idle) has nothing more to do; in a group of its own, as the test runner has its test files. */
export const starter = (options: PostgresOptions, { uid, idle = false }: { readonly uid?: number; readonly idle?: boolean } = {}) => {
  const who = uid === undefined ? {} : { uid, gid: uid }
  const child = spawn(uid === undefined ? process.execPath : reachable(), [fileURLToPath(new URL('fixture.js', import.meta.url)), JSON.stringify(options), ...(idle ? ['idle'] : [])], { detached: true, cwd: tmpdir(), stdio: ['pipe', 'pipe', 'pipe'], ...who })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const exited = new Promise<void>(resolve => { child.on('close', () => resolve()).on('error', error => { output += error.message; resolve() }) })
  const told = async (): Promise<Told> => {
    await Promise.race([exited, new Promise<void>(resolve => { child.stdout.on('data', () => { if (output.includes('\n')) resolve() }) })])
    try { return JSON.parse(output.split('\n')[0] ?? '') as Told } catch { throw new Error(`expected news of a server, found: ${output}`) }
  }
  return { pid: child.pid ?? 0, told, exited, output: () => output, stop: () => { child.stdin.end() } }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await postgres(JSON.parse(process.argv[2] ?? '{}') as PostgresOptions)
  const told: Told = { url: server.url, pid: server.pid, data: String(await value(server.url, 'show data_directory')), uid: process.getuid?.() }
  console.log(JSON.stringify(told))
  if (process.argv[3] !== 'idle') {
    for await (const _ of process.stdin) { /* until its end */ }
    await server.stop()
  }
}
