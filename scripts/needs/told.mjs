/** An error whose message says all: it is told without its stack. */
export const told = message => Object.assign(new Error(message), { told: true })

/**
 * Whether an error's message says all: what the system refuses, as a port that is in use; what wiring finds; a shell that cannot start; a server
 * that cannot. All else is a fault of a program, and its stack is wanted.
 */
export const saysAll = error => error?.told === true || error?.cause?.syscall !== undefined || ['WIRING', 'SHELL'].includes(error?.code) || String(error?.message).startsWith('[servers] ')
