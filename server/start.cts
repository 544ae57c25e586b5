#!/usr/bin/env node
// CommonJS, because loading it does not touch libuv's pool: its size can still be set (main.ts).
process.env.UV_THREADPOOL_SIZE ??= '16'
void import('./main.ts')
