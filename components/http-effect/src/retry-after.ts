/** Milliseconds; who asks for more is asked again then. */
const longest = 60_000
/** How long an answer asks to wait: seconds, or a date (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after). 0 where it does not ask, or nobody can read it. */
export const pauseOf = (header: string | null, now: number): number => {
  if (header === null) return 0
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now
  return ms > 0 ? Math.min(ms, longest) : 0
}
