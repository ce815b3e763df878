const sslRequest = 80_877_103

/**
 * Cuts a stream of PostgreSQL's protocol into messages (https://www.postgresql.org/docs/current/protocol-message-formats.html): a byte of type, which
 * the first ones of a client do not have (`greets`), a length, and a body.
 */
export const frames = (greets: boolean, on: (type: string, whole: Buffer) => void): ((chunk: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0), greeting = greets
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const head = greeting ? 0 : 1
      if (rest.length < head + 4) return
      const end = head + rest.readInt32BE(head)
      if (rest.length < end) return
      const whole = rest.subarray(0, end)
      rest = rest.subarray(end)
      if (greeting) greeting = whole.length === 8 && whole.readInt32BE(4) === sslRequest
      on(head === 0 ? '' : String.fromCharCode(whole[0]!), whole)
    }
  }
}

/** The texts of a message's body, each ended by a zero, and where they end. */
const texts = (whole: Buffer, count: number): { readonly found: readonly string[]; readonly end: number } => {
  const found: string[] = []
  let at = 5
  for (let i = 0; i < count; i++) {
    const zero = whole.indexOf(0, at)
    found.push(whole.toString('utf8', at, zero))
    at = zero + 1
  }
  return { found, end: at }
}
export const parseOf = (whole: Buffer): { readonly name: string; readonly text: string } => {
  const { found: [name = '', text = ''] } = texts(whole, 2)
  return { name, text }
}
/** The name of the statement that is bound, and its parameters as they are written. */
export const bindOf = (whole: Buffer): { readonly name: string; readonly params: readonly (string | null)[] } => {
  const { found: [, name = ''], end } = texts(whole, 2), params: (string | null)[] = []
  let at = end + 2 + 2 * whole.readInt16BE(end), left = whole.readInt16BE(at)
  for (at += 2; left > 0; left--) {
    const length = whole.readInt32BE(at)
    params.push(length < 0 ? null : whole.toString('utf8', at + 4, at + 4 + length))
    at += 4 + Math.max(0, length)
  }
  return { name, params }
}
