export { lowtide } from './lowtide.js'
