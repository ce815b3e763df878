import { shell, staying } from './sandbox.mjs'
import { wrong } from './markdown.mjs'

const address = /\bhttps?:\/\/[^/\s]+:(\d+)/

/** What comes before the last ` && ` ends; the last command stays. */
const parted = text => {
  const at = text.lastIndexOf(' && ')
  return at < 0 ? ['', text] : [text.slice(0, at), text.slice(at + ' && '.length)]
}

/**
 * The terminals in which a reader types: one for commands that end, one for a server, one for a command that listens to it.
 * Docs say port 4000; here the server has one that is free, and what is typed, written and printed is changed accordingly.
 */
export const terminals = (doc, start) => {
  let cwd = start, port, server, listener
  const mapped = text => port === undefined ? text : text.replaceAll(/:4000\b/g, `:${port}`)
  const shown = text => port === undefined ? text : text.replaceAll(new RegExp(`:${port}\\b`, 'g'), ':4000')

  const typed = async ({ line, mark }, text) => {
    const { code, output, cwd: end } = await shell(mapped(text), cwd), fails = mark === 'fails'
    if (fails === (code === 0)) throw wrong(doc, line, `expected these commands ${fails ? 'to fail' : 'to end with 0'}, found ${code}:\n${text}\n${shown(output)}`)
    cwd = end
    return shown(output)
  }
  const begun = async (line, command, ready) => {
    const { seen, stop } = staying(mapped(command), cwd), output = await seen(ready)
    if (ready(output)) return { seen: async wanted => shown(await seen(so => wanted(shown(so)))), stop }
    throw wrong(doc, line, `expected this command to stay and print, found that it ended with ${await stop()}:\n${command}\n${output}`)
  }
  const stopped = async () => {
    const [was, ear] = [server, listener]
    server = listener = undefined
    await ear?.stop()
    const code = await was?.stop()
    if (code !== undefined && code !== 0) throw new Error(`${doc}: expected the server to end with 0 at SIGTERM, found ${code}:\n${await was.seen(() => true)}`)
    port = undefined
  }
  return {
    mapped, typed, stopped,
    serving: async ({ line }, text) => {
      await stopped()
      const [ends, command] = parted(text)
      if (ends !== '') await typed({ line }, ends)
      server = await begun(line, command, output => address.test(output))
      port = address.exec(await server.seen(() => true))[1]
      return server
    },
    listening: async ({ line }, text) => {
      await listener?.stop()
      listener = await begun(line, text, output => output !== '')
      return listener
    },
    heard: () => listener,
  }
}
