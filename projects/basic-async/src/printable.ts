// Control and format characters, line separators, halves of a pair: what moves the cursor, turns the writing or hides.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const code = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`

/** Somebody else's text, safe for a terminal and cut to so many characters. */
export const printable = (text: string, most = Infinity): string => {
  const safe = text.slice(0, 2 * Math.min(most, text.length) + 2).replace(unsafe, code)
  const characters = [...safe]
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : safe
}
