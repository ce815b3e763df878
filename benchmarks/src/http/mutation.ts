import { type Benchmark } from '../figure.js'
import { type Server, contest, figures, namesOf } from './contest.js'

const served: readonly Server[] = [['invite-lowtide.child.js'], ['invite-yoga.child.js', 'limited'], ['invite-yoga.child.js']]

/** A mutation that is decided, committed, projected and answered with its row, against a Yoga that only answers: with the limits of our front, and without. */
export const mutation: Benchmark = {
  names: () => ['http/mutation', 'http/mutation-unlimited'].flatMap(namesOf),
  run: async function* (effort) {
    const [lowtide, limited, bare] = await contest(effort, 'inviting.js', served)
    yield* figures('http/mutation', lowtide!, limited!, { atLeast: 0.85 })
    yield* figures('http/mutation-unlimited', lowtide!, bare!)
  },
}
