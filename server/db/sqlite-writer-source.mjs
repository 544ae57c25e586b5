// Starts the writer thread from its TypeScript source; the built server needs none of this.
import { register } from 'tsx/esm/api'

register()
await import('./sqlite-writer-thread.ts')
