export { type HttpEffectOptions, httpEffect } from './http-effect.js'
