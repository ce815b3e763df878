/** What a process tells whoever started it: that it runs, and where its front listens; or why it does not. */
export type Told = { readonly runs: true; readonly port: number | undefined } | { readonly failed: string }
/** What it is told. */
export type Wish = { readonly stop: true }
