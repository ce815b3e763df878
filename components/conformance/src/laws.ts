import { answered } from './laws/answers.js'
import { atomic } from './laws/atomic.js'
import { given } from './laws/chance.js'
import { holding } from './laws/decisions.js'
import { decoded } from './laws/decoding.js'
import { grouped } from './laws/grouping.js'
import { nothingLost } from './laws/lost.js'
import { effectsOnce } from './laws/once.js'
import { ordered } from './laws/order.js'
import { sameOutcome } from './laws/outcomes.js'
import { contained } from './laws/poison.js'
import { bounded } from './laws/pressure.js'
import { replayed } from './laws/replay.js'
import { committed, shared } from './laws/share.js'
import { graceful } from './laws/stop.js'
import type { Law } from './trial.js'

/** All laws, in their order. */
export const laws: readonly Law[] = [
  ...nothingLost, ...effectsOnce, ...atomic, ...ordered, ...shared, ...committed, ...contained, ...decoded, ...answered, ...sameOutcome, ...bounded, ...graceful, ...replayed, ...grouped, ...holding, ...given,
]
