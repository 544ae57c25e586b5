import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const folder = path.resolve(import.meta.dirname, 'dist/web')

/** Beside each asset what the server sends of it: compressed once, here. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      const assets = path.join(folder, 'assets')
      for (const name of readdirSync(assets)) {
        if (!/\.(?:css|js|json|svg)$/.test(name)) continue
        const file = path.join(assets, name)
        const bytes = readFileSync(file)
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 }
        writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
        writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }))
      }
    },
  }
}

const server = 'http://127.0.0.1:8624'

// A build is one for use, whoever starts it: tests set another NODE_ENV.
if (process.argv.includes('build')) process.env.NODE_ENV = 'production'

// biome-ignore lint/style/noDefaultExport: Vite looks for the default export.
export default defineConfig({
  root: 'web',
  plugins: [react(), compressed()],
  build: {
    outDir: folder,
    emptyOutDir: true,
    license: { fileName: 'licenses.md' },
    // Nothing inline: the policy of the pages takes files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The library and the frame; what counts is asserted compressed (test/web/delivery.test.ts).
    chunkSizeWarningLimit: 1000,
  },
  // `npm run dev:web`: the pages from source, the rest from a server that runs beside them.
  server: {
    port: 8625,
    proxy: Object.fromEntries(['/api', '/auth', '/v2', '/health'].map((at) => [at, server])),
  },
})
