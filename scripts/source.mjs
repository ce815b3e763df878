const blank = text => text.replace(/[^\n]/g, ' ')

const comment = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`
const quoted = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|` + '`(?:\\\\.|[^`\\\\])*`'
// A slash begins an expression, not a division, only after one of these.
const regex = String.raw`(?<=(?:^|[=(,:;!&|?{}\[>]|\breturn)\s*)\/(?![*\/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\/\\\n\[])+\/[a-z]*`
const tokens = new RegExp(`(${comment})|(${quoted})|(${regex})`, 'gm')

const hollow = literal => literal[0] === '`'
  ? literal.replace(/\$\{[^}]*\}|[^\n]/g, part => part.startsWith('${') ? part : ' ')
  : blank(literal)

/** The text with its comments blanked; positions and lines stay. */
export const withoutComments = text => text.replace(tokens, (token, isComment) => isComment ? blank(token) : token)

/** The text with comments, strings and regular expressions blanked, so that words found in it are code. */
export const codeOf = text => text.replace(tokens, (token, isComment) => isComment ? blank(token) : hollow(token))

/** The line, from 1, of a position in a text. */
export const lineAt = (text, position) => text.slice(0, position).split('\n').length

/** Lines that hold code. */
export const codeLines = text => withoutComments(text).split('\n').filter(line => line.trim() !== '').length

/** Every specifier that a text imports or exports from, types and dynamic imports included, with its line. */
export const importsOf = text => {
  const code = codeOf(text)
  return [...withoutComments(text).matchAll(/\b(?:from\s*|import\s*\(?\s*)(['"])([^'"\n]+)\1/g)]
    .filter(({ index }) => code[index] !== ' ')
    .map(match => ({ specifier: match[2], line: lineAt(text, match.index) }))
}
