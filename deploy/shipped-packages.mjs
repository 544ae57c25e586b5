// Which packages end up with those who install it: what is bundled, and what cannot be.
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** The built server imports these as packages, for their compiled code (vite.server.config.ts). */
const external = ['@photostructure/sqlite']

/** Names of the packages that lie beside the built server: those, and what they need. */
export function listExternal(names = external) {
  return names.flatMap((name) => {
    const { dependencies = {} } = readPackage(name)
    return [name, ...listExternal(Object.keys(dependencies))]
  })
}

/** `name@version` of all that is in the built server and the built pages, or beside them. */
export function listShipped() {
  const bundled = ['dist/server/licenses.md', 'dist/web/licenses.md'].flatMap((file) => {
    const headings = readFileSync(file, 'utf8').matchAll(/^## (\S+) - (\d\S+)(?: \(.*\))?$/gm)
    return [...headings].map(([, name, version]) => `${name}@${version}`)
  })
  const beside = listExternal().map((name) => `${name}@${readPackage(name).version}`)
  return new Set([...bundled, ...beside])
}

function readPackage(name) {
  return JSON.parse(readFileSync(path.join('node_modules', name, 'package.json'), 'utf8'))
}
