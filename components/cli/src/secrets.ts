const names = /pass|pwd|secret|token|credential|private|api_?key|access_?key/i
/** Who and where is told openly, also where somebody took it for the password: `PGUSER=postgres`. */
const open = /user|name|host|database|role/i
/** Of a shell: `PWD` is no password. */
const workingFolder = /^(OLD)?PWD$/
/** Letters: shorter ones are words that stand anywhere, as `true`. */
const shortest = 6
const hidden = '***'

const urlOf = (text: string): URL | undefined => text.includes('://') && URL.canParse(text) ? new URL(text) : undefined
const decoded = (text: string): string => { try { return decodeURIComponent(text) } catch { return text } }

/** The passwords of an environment: of variables by their names, and of URLs. */
export const secretsOf = (env: NodeJS.ProcessEnv): readonly string[] => {
  const all = Object.entries(env).filter(([name]) => !workingFolder.test(name)).map(([name, value = '']) => ({ name, value, url: urlOf(value) }))
  const told = new Set(all.flatMap(({ name, value, url }) => [...(open.test(name) && !names.test(name) ? [value] : []), ...(url ? [decoded(url.username), url.hostname, url.pathname.slice(1)] : [])]))
  const found = all.flatMap(({ name, value, url }) => url ? [url.password, decoded(url.password)] : names.test(name) ? [value] : [])
  return [...new Set(found)].filter(value => value.length >= shortest && !told.has(value)).toSorted((a, b) => b.length - a.length)
}

/** A text without passwords: those of this environment, and whatever looks like one in a connection string. */
export const redacted = (text: string, env: NodeJS.ProcessEnv = process.env): string => secretsOf(env).reduce((so, secret) => so.replaceAll(secret, hidden), text)
  .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^:/?#\s@"']*):[^@/\s"']+@/gi, `$1:${hidden}@`)
  .replace(/(password\s*=\s*)('[^']*'|[^\s&;'"]+)/gi, `$1${hidden}`)

/** The same for every text in a value that becomes JSON. */
export const redactedJson = (value: unknown): string => {
  const clean = (x: unknown): unknown => typeof x === 'string' ? redacted(x)
    : Array.isArray(x) ? x.map(clean)
    : typeof x === 'object' && x !== null ? Object.fromEntries(Object.entries(x).map(([name, part]) => [name, clean(part)])) : x
  return JSON.stringify(clean(JSON.parse(JSON.stringify(value ?? null))), null, 2)
}
