const isPlain = (value: unknown): value is object => value !== null && typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))
const sorted = (value: unknown): unknown => Array.isArray(value) ? value.map(sorted)
  : typeof value === 'bigint' ? `${value}n`
  : isPlain(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([name, field]) => [name, sorted(field)]))
    : value

/** JSON with sorted keys: equal exactly when the values are. */
export const canonical = (value: unknown, indent = 0): string => JSON.stringify(sorted(value), null, indent) ?? 'undefined'

/** Lengths of the longest common subsequences of all tails of two lists. */
const common = (a: readonly string[], b: readonly string[]): readonly (readonly number[])[] => {
  const table = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
    }
  }
  return table
}

/** Two values as JSON, line by line: `-` stands only in the expected one, `+` only in the found one. */
export const diff = (expected: unknown, found: unknown, minus = 'expected', plus = 'found'): string => {
  const a = canonical(expected, 2).split('\n'), b = canonical(found, 2).split('\n'), shared = common(a, b), lines: string[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && a[i] === b[j]) { lines.push(`    ${a[i++]}`); j++ }
    else if (i < a.length && (j === b.length || shared[i + 1]![j]! >= shared[i]![j + 1]!)) lines.push(`  - ${a[i++]}`)
    else lines.push(`  + ${b[j++]}`)
  }
  return [`  - ${minus}`, `  + ${plus}`, ...lines].join('\n')
}
