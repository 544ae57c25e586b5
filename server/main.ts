#!/usr/bin/env node
// File reads, fsync and password hashing share libuv's pool, whose size is read at its first use:
// set before anything else is loaded. Node 20 uses the pool to load this very file; there the size
// counts only when it is set from outside, as start.cjs does.
process.env.UV_THREADPOOL_SIZE ??= '16'
const { runCommandLine } = await import('./commands/command-line.ts')
process.exitCode = await runCommandLine(process.argv.slice(2))

export {}
