import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { bindOf, frames, parseOf } from './frames.js'

/** A statement of a flight: what stands before one Sync message and is one transaction. */
export type Flown = { readonly text: string; readonly params: readonly (string | null)[] }
export type Flight = readonly Flown[]
/** What becomes of a flight that is caught: not sent at all; sent up to so many statements; sent but for the Sync message, which commits; sent whole, and not answered. */
export type Fate = 'held' | { readonly upTo: number } | 'uncommitted' | 'unanswered'
/** A flight at the point where it was to be caught. */
export type Caught = {
  readonly flight: Flight
  /** Of the server's process. */
  readonly pid: number
  /** Lets it go on as if nothing had been. Safe to call twice. */
  release(): void
}
export type Proxy = {
  /** As the server's, by way of the proxy. */
  readonly url: string
  /** Catches the next flight of this kind, on whichever connection; one at a time. */
  seize(which: (flight: Flight) => boolean, fate: Fate): Promise<Caught>
  /** Breaks all connections. Safe to call twice. */
  close(): Promise<void>
}
type Trap = { readonly which: (flight: Flight) => boolean; readonly fate: Fate; caught(caught: Caught): void }

const flush = Buffer.from([0x48, 0, 0, 0, 4]), execute = 0x45

/**
 * A way to a server on which flights can be caught, so that a process is killed at an exact point of a commit, and on which they can be seen: `met`
 * is told each. When one end goes, so does the other.
 *
 * @example
 * const way = await proxy(server.url), caught = await way.seize(flight => flight.length > 3, 'unanswered')
 */
export const proxy = async (serverUrl: string, met: (flight: Flight) => void = () => {}): Promise<Proxy> => {
  const target = new URL(serverUrl), ends = new Set<Socket>()
  let trap: Trap | undefined, closing: Promise<void> | undefined

  const join = (client: Socket): void => {
    const server = connect(Number(target.port), target.hostname), known = new Map<string, string>()
    let sent: Buffer[] = [], flight: Flown[] = [], kept: Buffer[] | undefined, pid = 0, answered: ((type: string) => void) | undefined
    for (const [one, other] of [[client, server], [server, client]] as const) {
      ends.add(one)
      one.setNoDelay(true).on('error', () => {}).on('close', () => { ends.delete(one); other.destroy() })
    }
    /** Goes on where it was caught: with what was not sent yet. */
    const releasing = (rest: readonly Buffer[]) => (): void => {
      const held = kept
      kept = undefined
      if (held === undefined) return
      for (const message of held) client.write(message)
      if (rest.length > 0) server.write(Buffer.concat(rest))
    }
    /** Sends it as far as its fate says, and tells when that has happened at the server. */
    const spring = ({ fate, caught }: Trap, messages: readonly Buffer[], whole: Flight): void => {
      kept = []
      if (fate === 'held') return caught({ flight: whole, pid, release: releasing(messages) })
      const ends = [...messages.keys()].filter(i => messages[i]![0] === execute).map(i => i + 1), statements = typeof fate === 'object' ? fate.upTo : ends.length
      const cut = fate === 'unanswered' ? messages.length : ends[statements - 1]!
      let completed = 0
      answered = type => {
        if (type === 'C') completed++
        if (fate === 'unanswered' ? type !== 'Z' : completed !== statements && type !== 'E') return
        answered = undefined
        caught({ flight: whole, pid, release: releasing(messages.slice(cut)) })
      }
      server.write(Buffer.concat([...messages.slice(0, cut), ...fate === 'unanswered' ? [] : [flush]]))
    }
    const fly = (): void => {
      const messages = sent, whole = flight, at = trap
      sent = []
      flight = []
      if (whole.length > 0) met(whole)
      if (at === undefined || whole.length === 0 || !at.which(whole)) { server.write(Buffer.concat(messages)); return }
      trap = undefined
      spring(at, messages, whole)
    }
    client.on('data', frames(true, (type, message) => {
      if (type === 'P') { const { name, text } = parseOf(message); known.set(name, text) }
      if (type === 'B') { const { name, params } = bindOf(message); flight.push({ text: known.get(name) ?? '', params }) }
      if ('PBDECH'.includes(type) && type !== '') sent.push(message)
      else if (type === 'S') { sent.push(message); fly() } else server.write(message)
    }))
    server.on('data', frames(false, (type, message) => {
      if (type === 'K') pid = message.readInt32BE(5)
      if (kept === undefined) client.write(message)
      else kept.push(message)
      answered?.(type)
    }))
  }
  const listener = createServer(join)
  await new Promise<void>((resolve, reject) => { listener.once('error', reject).listen(0, '127.0.0.1', resolve) })
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String((listener.address() as AddressInfo).port)
  return {
    url: url.href,
    seize: (which, fate) => new Promise(resolve => { trap = { which, fate, caught: resolve } }),
    close: () => closing ??= new Promise(resolve => {
      listener.close(() => resolve())
      for (const end of ends) end.destroy()
    }),
  }
}
