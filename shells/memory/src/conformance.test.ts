import { conformance, local } from '@lowtide/conformance'
import { site } from './site.js'

conformance({ name: 'memory', make: local(site) })
