import type { Acknowledged } from './acknowledged.js'
import type { Plain } from './plain.js'
import { type Order, accountIds, opening } from './orders.js'

/** What a storm did, by rows and log alone. */
export interface Audit { readonly lost: number; readonly twice: number; readonly stuck: number; readonly disordered: number; readonly faults: readonly string[] }
export interface Issued extends Order { readonly by: string; readonly outcome: Acknowledged['outcome'] | undefined }

/** Faults of each kind that are told; all are counted. */
const shown = 10
interface Entry { readonly id: string; readonly by: string; readonly n: number; readonly from: string; readonly to: string; readonly amount: number }
interface Account { readonly id: string; readonly balance: number; readonly sent: number; readonly received: number }
const numbers = <R>(rows: readonly { readonly [column: string]: unknown }[]): readonly R[] => rows.map(row => Object.fromEntries(Object.entries(row).map(([name, v]) => [name, typeof v === 'string' && /^-?\d+$/.test(v) ? Number(v) : v])) as R)

/** Compares what producers were told with what stands. Reads with plain SQL, never through Lowtide. */
export const audit = async (sql: Plain, schema: string, issued: readonly Issued[]): Promise<Audit> => {
  const sum = { lost: 0, twice: 0, stuck: 0, disordered: 0 }, faults: string[] = [], at = (table: string): string => `"${schema}".${table}`
  const tell = (what: keyof typeof sum, times: number, text: string): void => { if (times > 0) { sum[what] += times; if (faults.filter(f => f.startsWith(what)).length < shown) faults.push(`${what} ${times}: ${text}`) } }
  const behind = await behindOf(sql, schema), waits = new Set(behind.map(({ consumer }) => consumer))
  /** What still waits before its consumer is not lost, but stuck. */
  const counted = (what: string, found: number, expected: number, consumer = ''): void => { if (!waits.has(consumer)) tell('lost', expected - found, what); tell('twice', found - expected, what) }

  const log = numbers<Entry>(await sql(`select message ->> 'causationid' as id, message #>> '{data,by}' as by, (message #>> '{data,n}')::int as n, message #>> '{data,from}' as from, message #>> '{data,to}' as to, (message #>> '{data,amount}')::int as amount
    from ${at('lowtide_log')} where channel = 'storm-events' order by partition, tx, n`))
  const marks = new Map((await sql(`select id, outcome -> 'rejection' ->> 'code' as code from ${at('lowtide_inbox')} where consumer = ''`)).map(row => [String(row['id']), row['code'] === null ? 'accepted' : String(row['code'])]))
  const effects = new Map<string, number>(), known = new Map(issued.map(i => [i.id, i])), moves = new Map<string, number>(), last = new Map<string, number>()
  const expected = new Map(accountIds.map(id => [id, { balance: opening, sent: 0, received: 0 }]))
  for (const { id, by, n, from, to, amount } of log) {
    effects.set(id, (effects.get(id) ?? 0) + 1)
    if (!known.has(id)) tell('twice', 1, `an event of '${id}', which nobody sent`)
    const pair = `${by} ${from}`, [payer, payee] = [expected.get(from)!, expected.get(to)!]
    if (n !== (last.get(pair) ?? 0) + 1) tell('disordered', 1, `event ${n} of ${pair} in the log, behind ${last.get(pair) ?? 0}`)
    last.set(pair, n)
    moves.set(pair, (moves.get(pair) ?? 0) + 1)
    payer.balance -= amount; payer.sent++
    payee.balance += amount; payee.received++
  }
  for (const { id, outcome } of issued) {
    const times = effects.get(id) ?? 0, mark = marks.get(id)
    if (outcome === undefined) { tell('stuck', 1, `'${id}' was sent and has no answer, ${mark === undefined ? 'and no outcome' : `its outcome is '${mark}'`}`); tell('twice', times - 1, id); continue }
    if (outcome === 'accepted') counted(`the events of '${id}', which was accepted`, times, 1)
    else tell('lost', times, `'${id}' was answered '${outcome}' and has ${times} events`)
    if (mark !== outcome) tell('lost', 1, `'${id}' was answered '${outcome}', the inbox says '${mark ?? 'nothing'}'`)
  }
  const balanced = (what: string, consumer: string, rows: readonly Account[]): void => {
    const money = rows.reduce((all, { balance }) => all + balance, 0)
    if (money !== opening * accountIds.length) tell('twice', 1, `the money of '${what}' is ${money} instead of ${opening * accountIds.length}`)
    for (const { id, balance, sent, received } of rows) {
      const { sent: wasSent, received: wasReceived, balance: left } = expected.get(id)!
      counted(`payments from '${id}' in '${what}'`, sent, wasSent, consumer)
      counted(`payments to '${id}' in '${what}'`, received, wasReceived, consumer)
      if (sent === wasSent && received === wasReceived && balance !== left) tell('twice', 1, `the balance of '${id}' in '${what}' is ${balance} instead of ${left}`)
      if (what === 'accounts' && balance < 0) tell('twice', 1, `the balance of '${id}' is ${balance}`)
    }
  }
  for (const [table, consumer] of [['accounts', ''], ['totals', 'total']] as const) balanced(table, consumer, numbers<Account>(await sql(`select id, balance, sent, received from ${at(table)}`)))

  const lasts = numbers<{ readonly pair: string; readonly n: number; readonly times: number; readonly disorders: number }>(await sql(`select by || ' ' || account as pair, n, times, disorders from ${at('lasts')}`)), seen = new Map(lasts.map(l => [l.pair, l]))
  const counts = new Map(numbers<{ readonly pair: string; readonly times: number }>(await sql(`select by || ' ' || account as pair, times from ${at('counts')} where times > 0`)).map(c => [c.pair, c.times]))
  for (const pair of new Set([...moves.keys(), ...seen.keys(), ...counts.keys()])) {
    const row = seen.get(pair), times = moves.get(pair) ?? 0
    counted(`what 'follow' saw of ${pair}`, row?.times ?? 0, times, 'follow')
    counted(`what 'count' saw of ${pair}`, counts.get(pair) ?? 0, times, waits.has('follow') ? 'follow' : 'count')
    tell('disordered', row?.disorders ?? 0, `what 'follow' saw of ${pair}`)
    if (row?.times === times && row.n !== last.get(pair)) tell('disordered', 1, `the last number of ${pair} is ${row.n} instead of ${last.get(pair)}`)
  }
  const handled = new Map((await sql(`select consumer, count(*)::int as n from ${at('lowtide_inbox')} where consumer <> '' group by consumer`)).map(row => [String(row['consumer']), Number(row['n'])]))
  for (const consumer of ['total', 'follow', 'count']) if ((handled.get(consumer) ?? 0) > log.length) tell('twice', (handled.get(consumer) ?? 0) - log.length, `marks of '${consumer}'`)
  for (const { consumer, channel, behind: n } of behind) tell('stuck', Number(n), `messages of '${channel}' before '${consumer}'`)
  for (const { consumer, state, n } of await sql(`select consumer, state, count(*)::int as n from ${at('lowtide_parked')} p where state <> 'failed' or not exists (select from ${at('lowtide_inbox')} i where i.consumer = '' and i.id = p.message ->> 'id') group by 1, 2`)) tell('stuck', Number(n), `messages of '${String(consumer)}' are '${String(state)}': nothing here is poison`)
  return { ...sum, faults }
}
/** Messages behind the checkpoints. */
export const behindOf = (sql: Plain, schema: string) => sql(`select c.consumer, c.channel, count(*)::int as behind from "${schema}".lowtide_consumers c
  join "${schema}".lowtide_log l on l.channel = c.channel and l.partition = c.partition and (l.tx, l.n) > (c.tx, c.n) group by 1, 2`) as Promise<readonly { readonly consumer: string; readonly channel: string; readonly behind: number }[]>
