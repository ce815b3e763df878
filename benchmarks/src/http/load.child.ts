import type { Asking } from './asking.js'
import { answering } from './child.js'
import { type Load, load } from './load.js'

// A process of its own: what the load does must not disturb the server that is measured.
const { asking } = await import(new URL(process.argv[2]!, import.meta.url).href) as { asking: Asking }
answering(question => load(question as Load, asking))
