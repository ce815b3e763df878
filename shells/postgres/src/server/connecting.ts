import type { Failure } from '@lowtide/core'
import pg from 'pg'
import { failure, failureOf, redacted } from './failure.js'

/** Whom a url reaches, for people: without the password. The driver fills in what the url leaves out. */
const partsOf = (url: string): { readonly user: string; readonly host: string; readonly port: number; readonly database: string } => {
  const { user = '', host, port, database = '' } = new pg.Client({ connectionString: url })
  return { user, host: /^[^/[]*:/.test(host) ? `[${host}]` : host, port, database }
}
const wanted = 'expected postgres://user:password@host:port/database'
/** What is wrong with a url itself; it is never shown, for who knows where its password begins. */
export const malformed = (url: string): Failure | undefined => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^postgres(ql)?:$/.test(parsed.protocol)) return failure(`cannot read the url of the database: ${wanted}, found ${url === '' ? 'nothing' : parsed === undefined ? 'what is not a url' : `one of '${parsed.protocol}'`}; in user and password write %40 for '@', %3A for ':', %2F for '/', %23 for '#', %3F for '?' and %25 for '%'`)
  if (parsed.hash !== '' || /#/.test(url) || parsed.pathname.includes('@') || /@/.test(parsed.search)) return failure(`cannot read the url of the database: ${wanted}, found '@' or '#' behind the host; in the password write %40 for '@', %23 for '#', %2F for '/' and %3F for '?'`)
  try { partsOf(url) } catch (e) {
    const { code } = e as { readonly code?: unknown }
    return failure(`cannot use the url of the database: ${code === 'ENOENT' ? 'expected the certificate files that it names, found one missing' : `${wanted}, found what the driver cannot read`}; see to its parameters, and write %25 for '%'`)
  }
  return undefined
}
/** `user@host:port/database`: for errors and logs. */
export const describe = (url: string): string => {
  if (malformed(url) !== undefined) return 'a malformed url'
  const { user, host, port, database } = partsOf(url)
  return `${user}@${host}:${port}/${database}`
}
/** Takes out the password of this url, as it is written and as it is meant, and others that look like one. */
export const secretless = (url: string, text: string): string => {
  const found = URL.canParse(url) ? [new URL(url).password, new URL(url).searchParams.get('password') ?? ''] : []
  const meant = found.flatMap(password => { try { return [password, decodeURIComponent(password)] } catch { return [password] } })
  return redacted([url, ...meant].filter(secret => secret !== '').reduce((rest, secret) => rest.replaceAll(secret, '***'), text))
}

type Found = { readonly expected: string; readonly found: string; readonly todo: string; readonly later?: boolean }
/** By the code of the system or of the server. `later`: nobody's mistake, it may be there in a moment. */
const byCode = (url: string): { readonly [code: string]: Found } => {
  const { user, host, port, database } = partsOf(url), server = `a server at ${host}:${port}`
  const silent: Found = { expected: server, found: 'no answer', todo: 'start it, or see to host, port and firewall', later: true }
  return {
    ECONNREFUSED: { expected: server, found: 'nobody who listens there', todo: 'start it, or see to host and port', later: true },
    ENOTFOUND: { expected: `a host '${host}'`, found: 'no address for that name', todo: 'see to the host in the url, or to the name service', later: true },
    EAI_AGAIN: { expected: `a host '${host}'`, found: 'a name service that does not answer', todo: 'see to the network', later: true },
    ENOENT: { expected: server, found: 'no such socket', todo: 'start it, or see to host and port', later: true },
    ETIMEDOUT: silent, EHOSTUNREACH: silent, ENETUNREACH: silent, ECONNRESET: { ...silent, found: 'a connection that broke' },
    '28P01': { expected: `the password of role '${user}'`, found: 'one that the server refuses', todo: 'see to user and password in the url' },
    '28000': { expected: `a role '${user}' that may connect to database '${database}' from here`, found: 'that the server refuses it: there is no such role, it may not log in, or pg_hba.conf does not let it in from here (also: without, or with, SSL)', todo: `create the role with login, see to the user in the url, or to pg_hba.conf; where SSL is required, add sslmode=require to the url` },
    '3D000': { expected: `a database '${database}'`, found: 'none of that name', todo: `create it (create database), or see to the end of the url` },
    '53300': { expected: 'a free connection', found: 'that the server, the role or the database has given out all of its connections', todo: `raise max_connections or the role's limit, give each process fewer connections, or stop who holds them`, later: true },
    '57P03': { expected: 'a server that takes connections', found: 'one that starts, stops or recovers', todo: 'wait for it', later: true },
  }
}
const byText = (text: string): Found | undefined => {
  if (/permission denied for database/i.test(text)) return { expected: 'a role that may connect to this database', found: 'that it may not', todo: 'run, as its owner: grant connect on database … to the role' }
  if (/permission denied for function pg_control_system/i.test(text)) return { expected: 'to read which server this is', found: 'that the role may not', todo: 'run, as a superuser: grant execute on function pg_control_system() to the role' }
  if (/does not support SSL/i.test(text)) return { expected: 'SSL, as the url asks for it', found: 'a server without', todo: 'switch it on in the server, or take sslmode out of the url' }
  if (/certificate|self.signed/i.test(text)) return { expected: 'a certificate that this process trusts', found: 'another', todo: 'name its authority with sslrootcert in the url' }
  if (/password must be a (non-empty )?string/i.test(text)) return { expected: 'a password, for which the server asks', found: 'none in the url', todo: 'write it there: postgres://user:password@…' }
  if (/no answer within|timeout|terminated unexpectedly/i.test(text)) return { expected: 'an answer', found: 'none in time', todo: 'see to host, port and load of the server', later: true }
  return undefined
}

/** What went wrong while `doing` something over a connection that this url opens. */
export const unreachable = (url: string, doing: string, e: unknown): Failure => {
  const wrong = malformed(url)
  if (wrong !== undefined) return wrong
  const { code, message } = e as { readonly code?: unknown; readonly message?: unknown }
  const known = typeof code === 'string' && Object.hasOwn(byCode(url), code) ? byCode(url)[code] : undefined, found = known ?? byText(typeof message === 'string' ? message : '')
  if (found === undefined) { const { failure: text, ...rest } = failureOf(doing, e); return { ...rest, failure: secretless(url, text) } }
  const text = `[postgres] cannot ${doing} at ${describe(url)}: expected ${found.expected}, found ${found.found}; ${found.todo}`
  return found.later ? { failure: text, retry: true, unavailable: true } : { failure: text, retry: false }
}
