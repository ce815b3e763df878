import type { Asking } from './asking.js'
import { asking as constant } from './constant.js'

/** Asks what `constant` asks, and expects something else. */
export const asking: Asking = { ...constant, right: () => false }
