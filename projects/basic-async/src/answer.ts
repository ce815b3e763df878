import * as E from 'fp-ts/lib/Either.js'
import type { Invitation } from './import.js'

/** What is used of an answer to a command. */
interface Outcome { readonly rejection?: { readonly code: string; readonly message: string } | undefined }
interface NotHandled { readonly notHandled: string; readonly message: string; readonly issues?: readonly { readonly message: string }[] | undefined }

/** The answer in the words of an import. What the machinery could not handle is an error, which ends the import: the next line would fare no better. */
export const invitation = (answer: E.Either<NotHandled, Outcome>): Invitation => {
  if (E.isRight(answer)) {
    const { rejection } = answer.right
    return rejection === undefined ? 'invited' : rejection.code === 'already-invited' ? 'already-invited' : { invalid: rejection.message }
  }
  const { notHandled, message, issues = [] } = answer.left
  if (notHandled !== 'invalid') throw new Error(`${notHandled}: ${message}`)
  return { invalid: issues.length > 0 ? issues.map(issue => issue.message).join('; ') : message }
}
