import { conformance, local } from '@lowtide/conformance'
import { site } from './site.js'

conformance({ name: 'memory', make: local(site) })
/** As shells have it that wait for a server. */
const abreast: typeof site = o => {
  const here = site(o)
  return { ...here, join: () => ({ ...here.join(), abreast: 3 }) }
}
conformance({ name: 'memory with three units abreast', make: local(abreast), effort: 0.3 })
