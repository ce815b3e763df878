import pg from 'pg'

export type Rows = readonly { readonly [column: string]: unknown }[]
/** SQL past Lowtide, on a connection of its own each time, tried again while the server is away. */
export type Plain = (text: string, values?: readonly unknown[]) => Promise<Rows>
/** Milliseconds. */
const patience = 30_000, pause = 100

export const plain = (url: string): Plain => async (text, values = []) => {
  for (const end = Date.now() + patience; ;) {
    const client = new pg.Client({ connectionString: url, application_name: 'storm' })
    client.on('error', () => {})
    try {
      await client.connect()
      return (await client.query<{ readonly [column: string]: unknown }>(text, [...values])).rows
    } catch (e) {
      const { code } = e as { readonly code?: string }
      if (Date.now() > end || (code !== undefined && /^[0-46-9A-Z][0-9A-Z]{4}$/.test(code) && !/^(08|57)/.test(code))) throw e
      await new Promise(resolve => { setTimeout(resolve, pause) })
    } finally { await client.end().catch(() => {}) }
  }
}
