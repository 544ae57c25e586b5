import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

interface Room {
  /** Other rooms that it may import. */
  readonly rooms: readonly string[]
  readonly packages: readonly string[]
  /** Rooms whose types it may name, to hand on what it is given. */
  readonly types?: readonly string[]
  /** A pure room may not import `node:` either. */
  readonly pure?: true
}

/**
 * Each room and what it may import (ARCHITECTURE.md). A room is a folder with all below it, or a
 * file with the folder of its name; the longest match owns a file.
 */
const rooms: Readonly<Record<string, Room>> = {
  contract: { rooms: [], packages: ['zod'], pure: true },
  'server/domain': { rooms: [], packages: [], pure: true },
  'server/from-source': { rooms: [], packages: ['esbuild'] },
  'server/db': {
    rooms: ['server/domain', 'server/from-source'],
    packages: ['kysely', 'pg', '@photostructure/sqlite'],
  },
  'server/blobs': {
    rooms: ['server/domain'],
    packages: [
      '@aws-sdk/client-s3',
      '@aws-sdk/s3-request-presigner',
      '@azure/identity',
      '@azure/storage-blob',
    ],
  },
  'server/upstream': { rooms: ['server/domain'], packages: [] },
  'server/auth': {
    rooms: ['server/domain', 'server/db'],
    packages: ['jose', 'ldapts', 'openid-client'],
  },
  'server/registry': {
    rooms: ['server/domain', 'server/db', 'server/blobs', 'server/upstream', 'server/from-source'],
    // What reads layers in a thread of its own; ranges of versions.
    packages: ['semver', 'zstddec'],
  },
  'server/jobs': {
    rooms: ['server/domain', 'server/db', 'server/blobs', 'server/registry'],
    packages: ['croner'],
  },
  /** What is looked at to say what keeps a server from working: for pages, API and command line. */
  'server/doctor': {
    rooms: ['server/domain', 'server/db', 'server/blobs', 'server/auth', 'server/registry'],
    packages: [],
  },
  'server/http': {
    rooms: [
      'contract',
      'server/domain',
      'server/auth',
      'server/registry',
      'server/jobs',
      'server/doctor',
      'server/http/api',
    ],
    types: ['server/db', 'server/blobs'],
    packages: ['fastify', 'zod', 'proxy-addr'],
  },
  'server/http/api': {
    rooms: [
      'contract',
      'server/domain',
      'server/auth',
      'server/registry',
      'server/jobs',
      'server/doctor',
      'server/http',
      'server/db',
    ],
    packages: ['fastify', 'zod'],
  },
  'server/config': { rooms: ['server/domain'], packages: ['yaml', 'zod', 'proxy-addr'] },
  'server/log': { rooms: ['server/domain'], packages: ['pino'] },
  'server/metrics': { rooms: ['server/domain'], packages: ['prom-client'] },
  /** What knows OpenTelemetry; it is loaded when traces are on. */
  'server/traces': {
    rooms: ['server/domain'],
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/core',
      '@opentelemetry/otlp-transformer',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace',
    ],
  },
  'server/measured': {
    rooms: ['server/domain', 'server/db', 'server/blobs', 'server/metrics'],
    packages: [],
  },
  'server/app': {
    rooms: [
      'server/domain',
      'server/db',
      'server/blobs',
      'server/upstream',
      'server/auth',
      'server/registry',
      'server/jobs',
      'server/doctor',
      'server/http',
      'server/http/api',
      'server/config',
      'server/log',
      'server/metrics',
      'server/measured',
      'server/traces',
    ],
    packages: [],
  },
  /** What the command line composes when nothing is served. */
  'server/administration': {
    rooms: [
      'server/domain',
      'server/db',
      'server/blobs',
      'server/auth',
      'server/registry',
      'server/jobs',
      'server/doctor',
      'server/config',
      'server/log',
    ],
    packages: [],
  },
  'server/commands': {
    rooms: ['server/domain', 'server/app', 'server/administration', 'server/config', 'server/log'],
    types: ['contract'],
    packages: [],
  },
  'server/main': { rooms: ['server/commands'], packages: [] },
  'server/start': { rooms: ['server/main'], packages: [] },
  web: {
    rooms: ['contract'],
    packages: [
      'react',
      'react-dom',
      '@mantine/core',
      '@mantine/form',
      '@mantine/hooks',
      '@mantine/notifications',
      '@mantine/spotlight',
      '@tanstack/react-query',
      '@tanstack/react-router',
      'diff',
      'd3-hierarchy',
      'get-nonce',
      'highlight.js',
      'lowlight',
    ],
    pure: true,
  },
}

/** Anyone may name the types of these; their values are handed over by `app` and `main`. */
const typesForAll = ['server/config', 'server/log', 'server/metrics', 'server/traces']
/** The only files that may read the environment. */
const environmentReaders = ['server/config.ts', 'server/main.ts', 'server/start.cjs']
const bannedNames = /^(utils?|helpers?|common|types|misc|shared)$/
const maxLines = 300

interface Source {
  /** From the project's folder, with `/`. */
  readonly file: string
  readonly text: string
}

function sourcesBelow(folder: string): Source[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:[cm]?[jt]s|tsx)$/.test(file) && !/\.(?:test|suite)\.tsx?$/.test(file))
    .map((file) => path.posix.join(folder, file.split(path.sep).join('/')))
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
}

function roomOf(file: string): string | undefined {
  const bare = file.replace(/\.[a-z]+$/, '')
  return Object.keys(rooms)
    .filter((room) => bare === room || bare.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0]
}

interface Import {
  readonly target: string
  readonly typeOnly: boolean
}

function importsOf(text: string): Import[] {
  const code = withoutComments(text)
  const statements = code.matchAll(
    /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s*)?['"]([^'"]+)['"]/gm,
  )
  const calls = code.matchAll(/\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g)
  return [
    ...[...statements].map(([, type, target = '']) => ({ target, typeOnly: type !== undefined })),
    ...[...calls].map(([, target = '']) => ({ target, typeOnly: false })),
  ]
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

/** What a source file does that its room may not. */
function violationsOf({ file, text }: Source): string[] {
  const room = roomOf(file)
  if (room === undefined) return ['belongs to no room']
  return [
    ...importsOf(text).flatMap((one) => importViolations({ file, room }, one)),
    ...environmentViolations(file, text),
    ...nameViolations(file),
    ...(/^\s*export\s+(?:(?:type\s+)?\*|\{[^}]*\})[^;'"\n]*\sfrom\s/m.test(withoutComments(text))
      ? ['passes on the exports of another file']
      : []),
  ]
}

function importViolations(from: { file: string; room: string }, one: Import): string[] {
  const rules = rooms[from.room]
  if (one.target.startsWith('node:')) {
    return rules?.pure ? [`imports ${one.target} in a pure room`] : []
  }
  if (!one.target.startsWith('.')) {
    const name = one.target.match(/^(?:@[^/]+\/)?[^/]+/)?.[0] ?? ''
    return rules?.packages.includes(name) ? [] : [`imports the package ${name}`]
  }
  const target = path.posix.join(path.posix.dirname(from.file), one.target)
  const owner = roomOf(target)
  if (owner === undefined) return [`imports ${target}, which belongs to no room`]
  const allowed =
    owner === from.room ||
    rules?.rooms.includes(owner) === true ||
    (one.typeOnly && rules?.types?.includes(owner) === true) ||
    (one.typeOnly && typesForAll.includes(owner) && !rules?.pure)
  return allowed ? [] : [`imports ${owner}${one.typeOnly ? ' (types)' : ''}`]
}

function environmentViolations(file: string, text: string): string[] {
  const reads = /\bprocess\s*\.\s*env\b|\benv\b[^;\n]*\bfrom\s+['"]node:process['"]/.test(
    withoutComments(text),
  )
  return reads && !environmentReaders.includes(file) ? ['reads process.env'] : []
}

function nameViolations(file: string): string[] {
  return file
    .split('/')
    .map((part) => part.replace(/\.[a-z.]+$/, ''))
    .filter((part) => bannedNames.test(part))
    .map((part) => `is called ${part}`)
}

const sources = ['contract', 'server', 'web'].flatMap(sourcesBelow)

test.for(sources)('$file keeps to its room', (source) => {
  expect(violationsOf(source)).toEqual([])
})

test.for([...sources, ...sourcesBelow('bench')])('$file is not too long', ({ text }) => {
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(maxLines)
})

test('every room is looked at', () => {
  const owners = new Set(sources.map(({ file }) => roomOf(file)))
  for (const room of ['domain', 'db', 'blobs', 'auth', 'registry', 'http', 'app', 'main']) {
    expect(owners).toContain(`server/${room}`)
  }
})

test('only the command line and tests import the composition root', () => {
  const importers = Object.entries(rooms)
    .filter(([, room]) => room.rooms.includes('server/app'))
    .map(([name]) => name)
  expect(importers).toEqual(['server/commands'])
})

test('one room each imports the database, the web framework and the log', () => {
  const owners = (name: string) =>
    Object.keys(rooms).filter((room) => rooms[room]?.packages.includes(name))
  expect(owners('kysely')).toEqual(['server/db'])
  expect(owners('pg')).toEqual(['server/db'])
  expect(owners('@photostructure/sqlite')).toEqual(['server/db'])
  expect(owners('fastify')).toEqual(['server/http', 'server/http/api'])
  expect(owners('pino')).toEqual(['server/log'])
})

/** The rules above must be able to say no. */
const bad: readonly (Source & { readonly because: string })[] = [
  { file: 'server/domain/a.ts', text: "import fs from 'node:fs'", because: 'node:fs' },
  { file: 'server/domain/a.ts', text: "import type { A } from '../db/a.ts'", because: 'server/db' },
  {
    file: 'server/domain/a.ts',
    text: "import type { Config } from '../config.ts'",
    because: 'config',
  },
  { file: 'server/registry/a.ts', text: "import { sql } from 'kysely'", because: 'kysely' },
  {
    file: 'server/registry/a.ts',
    text: "import {\n  a,\n  b,\n} from '../http/a.ts'",
    because: 'http',
  },
  { file: 'server/registry/a.ts', text: "import { read } from '../config.ts'", because: 'config' },
  { file: 'server/auth/a.ts', text: "import { a } from '../registry/a.ts'", because: 'registry' },
  { file: 'server/blobs/a.ts', text: "import type { Db } from '../db/database.ts'", because: 'db' },
  { file: 'server/http/v2/a.ts', text: "import { a } from '../../db/a.ts'", because: 'server/db' },
  { file: 'server/http/a.ts', text: "import { openApp } from '../app.ts'", because: 'server/app' },
  { file: 'server/http/a.ts', text: "const a = await import('../app.ts')", because: 'server/app' },
  { file: 'server/http/a.ts', text: "import x from 'express'", because: 'express' },
  { file: 'server/db/a.ts', text: 'const a = process.env.A', because: 'process.env' },
  { file: 'server/db/a.ts', text: "import { env } from 'node:process'", because: 'process.env' },
  { file: 'server/db/utils.ts', text: '', because: 'utils' },
  { file: 'server/common/a.ts', text: '', because: 'no room' },
  { file: 'server/db/helpers/a.ts', text: '', because: 'helpers' },
  { file: 'server/db/a.ts', text: "export * from './b.ts'", because: 'exports of another' },
  { file: 'server/db/a.ts', text: "export { b } from './b.ts'", because: 'exports of another' },
  { file: 'server/a.ts', text: '', because: 'no room' },
]

test.for(bad)('a violation is seen: $file, $because', ({ because, ...source }) => {
  expect(violationsOf(source).join('; ')).toContain(because)
})

test('what is allowed is let through', () => {
  const good: readonly Source[] = [
    { file: 'server/registry/a.ts', text: "import type { Config } from '../config.ts'" },
    { file: 'server/registry/a.ts', text: "import { createHash } from 'node:crypto'" },
    { file: 'server/registry/a.ts', text: "/* import { sql } from 'kysely' */" },
    { file: 'server/http/api/a.ts', text: "import { listTags } from '../../db/tags.ts'" },
    { file: 'server/app.ts', text: "import { openLog } from './log.ts'" },
    { file: 'server/commands/serve.ts', text: "const { openApp } = await import('../app.ts')" },
    { file: 'server/http/v2/a.ts', text: "import type { Db } from '../../db/database.ts'" },
    { file: 'server/config.ts', text: 'export const a = process.env' },
  ]
  expect(good.flatMap(violationsOf)).toEqual([])
})
