import type { App } from '@lowtide/run'
import { Join, Rename, type functions, joined } from '../functions/fixture.js'

export interface Role { readonly url: string; readonly schema: string; readonly layout: string; readonly process: string }
type Club = App<typeof functions[keyof typeof functions]>

const people = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gus', 'hal'], emailOf = (name: string): string => `${name}@example.org`
/** So many invitations lead to a member, and so many events follow. */
export const accepted = { joined: people.length, renamed: people.length * 2 }
/** What depends on the moment of a run, and on nothing else. */
const momentary = ['time', 'upTo']
const lasting = (answer: unknown): unknown => JSON.parse(JSON.stringify(answer, (name, value: unknown) => momentary.includes(name) ? undefined : value))

/** Commands of some members at once, each member's in order, some under one id twice at once and once more at the end; then some whose answer rests on all of these. */
export const played = async (app: Club): Promise<readonly unknown[]> => {
  const asJoin = (id: string, email: string, handle: string) => async () => [id, lasting(await app.answer(joined, Join({ email, handle }), { id })())]
  const asRename = (id: string, email: string, name: string) => async () => [id, lasting(await app.send(Rename({ email, name }), { id, wait: 'projected' })())]
  const linesOf = (name: string) => {
    const email = emailOf(name)
    return [
      asRename(`${name}-early`, email, 'nobody'), asJoin(`${name}-join`, email, name), asJoin(`${name}-again`, email, `${name}-2`), asRename(`${name}-1`, email, `${name} one`),
      asRename(`${name}-same`, email, `${name} one`), asRename(`${name}-2`, email, `${name} two`),
    ]
  }
  const answers: unknown[] = []
  const line = async (name: string): Promise<readonly unknown[]> => {
    const found: unknown[] = []
    for (const [i, call] of linesOf(name).entries()) found.push(...i % 2 === 1 ? await Promise.all([call(), call()]) : [await call()])
    return found
  }
  answers.push(...(await Promise.all(people.map(line))).flat())
  for (const name of people) answers.push(await asJoin(`${name}-taken`, emailOf(`${name}-too`), name)())
  for (const name of people) for (const call of linesOf(name)) answers.push(await call()) // the same ids: the same outcomes
  return answers
}
