import { fault } from './fault.js'

/** Names and values as in `postgresql.conf`, as `{ log_statement: 'all', max_connections: 20 }`. */
export type Settings = { readonly [name: string]: string | number | boolean }

/** Durability is the server's own default: `fsync` and `synchronous_commit` are on. */
const defaults: Settings = { max_connections: 100, shared_buffers: '128MB' }

const reserved: { readonly [name: string]: string } = {
  port: 'the option port',
  data_directory: 'the option folder',
  listen_addresses: '127.0.0.1, always',
  unix_socket_directories: 'none, always',
}

export const settingArgs = (settings: Settings): readonly string[] => {
  for (const name of Object.keys(settings)) {
    const instead = reserved[name.toLowerCase()]
    if (instead !== undefined) throw fault(`cannot take the setting '${name}': it is ${instead}; leave it out`)
    if (!/^\w+(\.\w+)?$/.test(name)) throw fault(`cannot take the setting '${name}': expected a name as in postgresql.conf`)
  }
  const all: Settings = { ...defaults, ...settings, listen_addresses: '127.0.0.1', unix_socket_directories: '' }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
