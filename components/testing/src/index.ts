export { type Envelope, type Setting, context, message } from './message.js'
export { type Constraint, type Model, type Rows, model } from './model.js'
export { type DecisionExample, type Example, type ProjectionExample, type QueryExample, type ResolverExample, spec } from './spec.js'
export { left, right, until, within } from './wait.js'
