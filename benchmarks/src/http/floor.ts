import { type Benchmark, figure } from '../figure.js'
import { type Server, contest, figures, namesOf } from './contest.js'

const load = 'http/floor-load'
const served: readonly Server[] = [['yoga.child.js'], ['graphql-js.child.js'], ['graphql-js.child.js', 'cached']]

/** A constant mutation through a bare Yoga, against graphql-js over node:http: what is lost before a front of ours does anything. */
export const floor: Benchmark = {
  names: () => [...['http/floor', 'http/floor-cached'].flatMap(namesOf), load],
  run: async function* (effort) {
    const [yoga, plain, cached] = await contest(effort, 'constant.js', served)
    yield* figures('http/floor', yoga!, plain!)
    yield* figures('http/floor-cached', yoga!, cached!)
    // Of the fastest server: it must not be the load that was measured.
    yield figure(load, 'cores', cached!.map(({ busy }) => [busy, 1]), { atMost: 0.9 })
  },
}
