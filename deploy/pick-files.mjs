// Copies what the server needs to run into a folder: `node deploy/pick-files.mjs /app`, after the
// build and `npm prune --omit=dev`. Nearly everything is bundled; what has compiled code is not.
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { listExternal } from './shipped-packages.mjs'

const [, , target] = process.argv
if (target === undefined) throw new Error('Say into which folder.')

cpSync('dist', path.join(target, 'dist'), {
  recursive: true,
  // Maps are for those who debug from source, and are twice as large as the code.
  filter: (file) => !file.endsWith('.map'),
})
for (const file of ['package.json', 'LICENSE']) cpSync(file, path.join(target, file))
for (const name of new Set(listExternal())) copyPackage(name)

/** Of a package's compiled code only that of this machine's kind. */
function copyPackage(name) {
  const source = path.join('node_modules', name)
  const copy = path.join(target, source)
  mkdirSync(path.dirname(copy), { recursive: true })
  const here = `${process.platform}-${process.arch}`
  cpSync(source, copy, {
    recursive: true,
    filter: (file) => {
      const [top, kind] = path.relative(source, file).split(path.sep)
      if (top === 'src' || /\.(map|[cm]?ts)$/.test(file)) return false
      return top !== 'prebuilds' || kind === undefined || kind === here
    },
  })
  rmSync(path.join(copy, 'binding.gyp'), { force: true })
}
