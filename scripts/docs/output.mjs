/** What a reader compares: not how long something took, what time it was, which id something got, and what npm says of itself. */
export const comparable = text => text.split('\n').filter(line => !/^npm (warn|notice)|^> /.test(line)).join('\n')
  .replace(/\b\d+(\.\d+)?(?= ?m?s\b)/g, 'N').replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replace(/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g, 'ID')
  .replace(/[ \t\r]+$/gm, '').replace(/^\n+|\n+$/g, '')

const escaped = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const lineOf = line => line.trim() === '…' ? '(?:.*\n)*?' : `${line.split('…').map(escaped).join('.*?')}\n`

/** `…` stands for anything in its line; alone in a line, for any lines. */
export const matches = (expected, found) =>
  new RegExp(`^${comparable(expected).split('\n').map(lineOf).join('')}$`).test(`${comparable(found)}\n`)
