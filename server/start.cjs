#!/usr/bin/env node
// CommonJS, because loading it does not touch libuv's pool: its size can still be set (main.ts).
process.env.UV_THREADPOOL_SIZE ??= '16'
// biome-ignore lint/correctness/useImportExtensions: it is copied as it is, beside the built main.js.
void import('./main.js')
