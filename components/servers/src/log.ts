import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'

export const sizeOf = (path: string): number => existsSync(path) ? statSync(path).size : 0

const most = 65_536

/** What was written to a log since it had a size; at most the last 64 KB. */
export const since = (path: string, size: number): string => {
  const end = sizeOf(path), start = Math.max(size, end - most)
  if (end <= start) return ''
  const file = openSync(path, 'r'), buffer = Buffer.alloc(end - start)
  try { return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, start)).toString('utf8') } finally { closeSync(file) }
}

/** The lines that say why, for the message of an error. */
export const reasons = (text: string): string => {
  const lines = text.trim().split('\n'), telling = lines.filter(line => /\b(FATAL|PANIC|ERROR|HINT|DETAIL):|error:|error while loading/.test(line))
  return (telling.length > 0 ? telling : lines).slice(-5).map(line => line.trim()).join(' | ') || 'nothing'
}
