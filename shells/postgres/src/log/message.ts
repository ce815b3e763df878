import type { Message } from '@lowtide/core'

const texts = ['id', 'source', 'type', 'subject', 'time', 'dataschema', 'correlationid'] as const
/** Whether a row of the log holds an envelope: others may write there too. */
export const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null && texts.every(field => typeof (value as { readonly [field: string]: unknown })[field] === 'string')
