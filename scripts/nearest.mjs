/** Number of letters to insert, delete or replace on the way from one word to another. */
const distance = (from, to) => {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j++) next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (letter === to[j] ? 0 : 1)))
    row = next
  }
  return row[to.length]
}

/** The known name that a wrong one probably meant, if any is near enough. */
export const nearest = (name, known) => known
  .map(candidate => ({ candidate, far: distance(name, candidate) }))
  .filter(({ candidate, far }) => far <= Math.max(name.length, candidate.length) / 2)
  .toSorted((a, b) => a.far - b.far)[0]?.candidate
