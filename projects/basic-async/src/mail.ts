import * as TE from 'fp-ts/lib/TaskEither.js'

/** Stands for the mail: takes what is sent, counts it and forgets it. */
export const sink = () => {
  let count = 0
  return {
    effect: () => TE.fromIO(() => { count += 1 }),
    count: () => count,
  }
}
