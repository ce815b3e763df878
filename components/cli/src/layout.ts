const units = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const

/** `3 d`, `5 h`, `12 m`, `40 s`. */
export const age = (ms: number): string => {
  const [unit, of] = units.find(([, of]) => ms >= of) ?? ['s', 1_000]
  return `${Math.max(0, Math.floor(ms / of))} ${unit}`
}

/** Keys and reasons come from anywhere: what would move a terminal's cursor is shown as JSON writes it. */
export const visible = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
/** The same over several lines. */
export const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n')

export const shortened = (text: string, width: number): string => {
  const letters = [...text]
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join('')}…`
}

/** Columns below each other, two blanks between them. The last one takes what is left of the width, and at least 20. */
export const columns = (rows: readonly (readonly string[])[], width?: number): string => {
  const wide = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => [...row[i] ?? ''].length)))
  const before = wide.slice(0, -1).reduce((sum, w) => sum + w + 2, 0), rest = width === undefined ? Infinity : Math.max(20, width - before)
  return rows.map(row => row.map((cell, i) => i === row.length - 1 ? shortened(cell, rest) : cell + ' '.repeat(wide[i]! - [...cell].length)).join('  ').trimEnd()).join('\n')
}
