import type { Benchmark } from '../figure.js'
import { contest, figures, namesOf } from '../http/contest.js'
import { drop, newSchema, number, urlHere } from './site.js'

const name = 'postgres/mutation'
/** The same deployment behind GraphQL, on Postgres and in memory. */
export const mutation: Benchmark = {
  names: () => namesOf(name),
  run: async function* (effort) {
    const schema = newSchema(), [ours, memory] = await contest({ ...effort, commands: effort.commands / 2 }, 'inviting.js', [['../postgres/mutation.child.js', await urlHere(), schema], ['invite-lowtide.child.js']])
    const [views, emails] = [await number(`select count(*) from ${schema}.customer_views`), await number(`select count(distinct email) from ${schema}.customers`)]
    if (views !== emails) throw new Error(`expected ${emails} views of customers, found ${views}`)
    await drop(schema)
    yield* figures(name, ours!, memory!)
  },
}
