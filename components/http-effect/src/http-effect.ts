import type { Failure } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { pauseOf } from './retry-after.js'

export interface HttpEffectOptions {
  /** `https://host/path`; user and password in it are sent as basic authorization. */
  readonly url: string | URL
  /** Sent with each request, beside `content-type` and `idempotency-key`. */
  readonly headers?: { readonly [name: string]: string }
  /** Milliseconds for an attempt; default 10,000. */
  readonly timeout?: number
}

/** Answers that say: later, and no message's fault. */
const away = new Set([408, 425, 429, 502, 503, 504])
/** Only where it goes: a path or a query may be a secret, as those of webhooks are. */
const refusal = (at: string, text: string): Failure => ({ failure: `[http] cannot post to ${at}: ${text}`, retry: false })
const later = (at: string, text: string): Failure => ({ failure: `[http] cannot post to ${at}: ${text}`, retry: true, unavailable: true })

const decoded = (text: string, at: string): string => {
  try { return decodeURIComponent(text) } catch { throw new TypeError(`[http] cannot read user and password in the url of an effect to ${at}: expected percent-encoded text, found a '%' that stands for itself; write it as %25`) }
}
const targetOf = ({ url, headers = {} }: HttpEffectOptions) => {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) throw new TypeError(`[http] cannot read the url of an effect: expected https://host/path, found ${parsed === undefined ? 'what is not a url' : `one of '${parsed.protocol}'`}`)
  const { username, password } = parsed, at = parsed.origin, sent = new Headers()
  parsed.username = parsed.password = ''
  for (const [name, value] of Object.entries(headers)) try { sent.append(name, value) } catch { throw new TypeError(`[http] cannot read the headers of an effect to ${at}: expected a name and a value that HTTP can carry, found one that it cannot as ${/^[\w-]+$/.test(name) ? `'${name}'` : 'a name'}; look for a line break, as in a token that was wrapped, or a letter beyond Latin-1`) }
  if (username !== '' && !sent.has('authorization')) sent.set('authorization', `Basic ${Buffer.from(`${decoded(username, at)}:${decoded(password, at)}`).toString('base64')}`)
  sent.set('content-type', 'application/json')
  return { url: parsed, at, headers: sent }
}
/** The system's word for why there is no answer; nothing else of the error is told. */
const codeOf = (e: unknown): string => {
  const { name, cause } = e as { readonly name?: unknown; readonly cause?: { readonly code?: unknown } | undefined }
  return typeof cause?.code === 'string' ? ` (${cause.code})` : name === 'TimeoutError' ? ' in time' : ''
}

/**
 * The binding of a port whose effects are POST requests: the data as JSON, the effect's id as `idempotency-key`. 2xx is done. No answer, and answers that say
 * 'not now' (408, 425, 429, 502, 503, 504), are an outage: it tries again for as long as it takes, and not before a `retry-after` is over. Other
 * 5xx are attempts, and the last one parks; all else is refused for good, and parks at once. Redirects are not followed: they would take the data elsewhere.
 *
 * @example deployment({ ports: { mail: httpEffect({ url: 'https://mail.example.org/send', headers: { authorization: `Bearer ${token}` } }) }, … })
 */
export const httpEffect = (options: HttpEffectOptions): { effect(data: unknown, idempotencyKey: string): TaskEither<Failure, void> } => {
  const { url, at, headers } = targetOf(options), { timeout = 10_000 } = options
  let asked = 0 // not before then
  const answered = (response: Response): E.Either<Failure, void> => {
    const { ok, status } = response
    if (ok) return E.right(undefined)
    const pause = pauseOf(response.headers.get('retry-after'), Date.now())
    if (pause > 0) asked = Math.max(asked, Date.now() + pause)
    if (away.has(status)) return E.left(later(at, `expected an answer 2xx, found ${status}`))
    if (status >= 500) return E.left({ failure: `[http] cannot post to ${at}: expected an answer 2xx, found ${status}`, retry: true })
    if (status >= 300 && status < 400) return E.left(refusal(at, `expected an answer 2xx, found ${status}, a redirect, which is not followed; give the binding the url where it leads`))
    return E.left(refusal(at, `expected an answer 2xx, found ${status}; correct what it refuses, then redrive or discard`))
  }
  return {
    effect: (data, idempotencyKey) => async () => {
      const left = asked - Date.now()
      if (left > 0) return E.left(later(at, `it asked to wait for ${Math.ceil(left / 1_000)} s more`))
      const own = new Headers(headers)
      own.set('idempotency-key', idempotencyKey)
      try {
        const response = await fetch(url, { method: 'POST', redirect: 'manual', headers: own, body: JSON.stringify(data), signal: AbortSignal.timeout(timeout) })
        await response.body?.cancel().catch(() => {}) // the connection is free for the next one
        return answered(response)
      } catch (e) { return E.left(later(at, `expected an answer, found none${codeOf(e)}`)) }
    },
  }
}
