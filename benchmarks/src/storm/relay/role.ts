/** What happens to a carrier at one of its calls: it dies, or stands still for longer than its lease, before or after the receiver has all of it. */
export const fates = ['stops after', 'dies after', 'stops before', 'dies before'] as const
export type Fate = typeof fates[number]
/** What one process does wrong; the storm is worth what it notices. */
export const saboteurs = {
  'marks before it publishes': 'lost', 'turns a batch round': 'disordered', 'keeps no inbox': 'twice',
} as const
export type Saboteur = keyof typeof saboteurs
export interface Carrier { readonly name: string; readonly url: string; readonly folder: string; readonly receiver: number; readonly fate?: { readonly how: Fate; readonly call: number } | undefined; readonly sabotage?: Saboteur | undefined }
export interface Receiver { readonly folder: string; readonly port: number; readonly seed: number; readonly sabotage?: Saboteur | undefined }
/** A line of the receiver's ledger. */
export interface Entry { readonly id: string; readonly key: string; readonly n: number }
export const ledger = 'ledger', again = 'again'
