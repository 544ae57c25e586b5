import { readFileSync } from 'node:fs'
import path from 'node:path'
import { defineConfig, type Plugin } from 'vite'

const source = path.resolve(import.meta.dirname, 'server')

/** Built code has one file for each thread and a few that they share: loading 1,600 takes a second. */
const entries = {
  main: 'main.ts',
  'sqlite-writer-thread': 'db/sqlite-writer-thread.ts',
  'sqlite-copy-thread': 'db/sqlite-copy-thread.ts',
  'sqlite-examination-thread': 'db/sqlite-examination-thread.ts',
  writes: 'db/writes.ts',
  'files-thread': 'registry/files/files-thread.ts',
}

/** It is CommonJS and stays as it is. */
function startFile(): Plugin {
  return {
    name: 'start-file',
    buildStart() {
      const text = readFileSync(path.join(source, 'start.cjs'))
      this.emitFile({ type: 'asset', fileName: 'start.cjs', source: text })
    },
  }
}

// biome-ignore lint/style/noDefaultExport: Vite looks for the default export.
export default defineConfig({
  plugins: [startFile()],
  // What has compiled code stays in node_modules, and what is not installed is not looked for.
  ssr: { target: 'node', noExternal: true, external: ['@photostructure/sqlite', 'pg-native'] },
  build: {
    ssr: true,
    ssrEmitAssets: true,
    outDir: path.resolve(import.meta.dirname, 'dist/server'),
    emptyOutDir: true,
    target: 'node20',
    minify: false,
    sourcemap: true,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: Object.fromEntries(
        Object.entries(entries).map(([name, file]) => [name, path.join(source, file)]),
      ),
      // All in one folder: threads are found beside the file that starts them.
      // Writes go by the names of their functions.
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name]-[hash].js',
        keepNames: true,
      },
    },
  },
})
