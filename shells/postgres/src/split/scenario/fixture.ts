/** `copy`: a second database, where the projector stands in one of the layouts. */
export interface Role { readonly url: string; readonly copy: string; readonly schema: string; readonly layout: string; readonly process: string }
/** How callers reach the club; answers come once the projection shows them. */
export interface Desk {
  join(id: string, member: { readonly email: string; readonly handle: string }): Promise<unknown>
  rename(id: string, naming: { readonly email: string; readonly name: string }): Promise<unknown>
  listed(email: string): Promise<unknown>
}

const people = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gus', 'hal'], emailOf = (name: string): string => `${name}@example.org`
/** So many invitations lead to a member, and so many events follow. */
export const accepted = { joined: people.length, renamed: people.length * 2 }
/** What depends on the moment of a run, and on nothing else. */
const momentary = ['time', 'upTo']
const lasting = (answer: unknown): unknown => JSON.parse(JSON.stringify(answer, (name, value: unknown) => momentary.includes(name) ? undefined : value))

/** Commands of some members at once, each member's in order, some under one id twice at once and once more at the end; then some whose answer rests on all of these, and queries. */
export const played = async (desk: Desk): Promise<readonly unknown[]> => {
  const asJoin = (id: string, email: string, handle: string) => async () => [id, lasting(await desk.join(id, { email, handle }))]
  const asRename = (id: string, email: string, name: string) => async () => [id, lasting(await desk.rename(id, { email, name }))]
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
  for (const name of people) answers.push([`${name}-listed`, await desk.listed(emailOf(name))])
  return answers
}
