import { rmSync } from 'node:fs'

/** Removes a folder with all in it, also when the last process that wrote there is just about to end. */
export const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
