import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { buildServer, projectFolder } from '../support/build.ts'
import { runSuccessfully } from '../support/command.ts'

interface Package {
  readonly SPDXID: string
  readonly name: string
  readonly versionInfo: string
}

interface Sbom {
  readonly documentDescribes: readonly string[]
  readonly packages: readonly Package[]
  readonly relationships: readonly {
    readonly spdxElementId: string
    readonly relatedSpdxElement: string
  }[]
}

const ownAndNode = ['entrepot', 'node']
const inProject = (...names: string[]) => path.join(projectFolder, ...names)
let sbom: Sbom
/** `name@version`, without the two above. */
let listed: readonly string[]

beforeAll(async () => {
  await buildServer()
  const options = { cwd: projectFolder }
  sbom = JSON.parse(await runSuccessfully(process.execPath, ['deploy/sbom.mjs'], options))
  listed = sbom.packages
    .filter(({ name }) => !ownAndNode.includes(name))
    .map(({ name, versionInfo }) => `${name}@${versionInfo}`)
})

test('it has each package once', () => {
  expect(new Set(listed).size).toBe(listed.length)
  const own = sbom.packages.filter(({ name }) => ownAndNode.includes(name))
  const versions = own.map(({ name, versionInfo }) => [name, versionInfo])
  const { version } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'))
  expect(new Map(versions as [string, string][])).toEqual(
    new Map([
      ['entrepot', version],
      ['node', process.versions.node],
    ]),
  )
})

test('it has every package that code of the built server comes from', () => {
  const inServer = mapsOfServer().flatMap((sources) => sources.flatMap(packageOf))
  expect(new Set(inServer).size).toBeGreaterThan(100)
  expect([...new Set(inServer)].filter((each) => !listed.includes(each))).toEqual([])
})

test('it has what the pages are made of, and nothing that only tests and builds need', () => {
  const { devDependencies } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'))
  const names = new Set(sbom.packages.map(({ name }) => name))
  const ofPages = Object.keys(devDependencies).filter((name) => importedByPages().has(name))
  expect(ofPages).toEqual(expect.arrayContaining(['react', 'react-dom', '@mantine/core']))
  const others = Object.keys(devDependencies).filter((name) => !importedByPages().has(name))
  expect(ofPages.filter((name) => !names.has(name))).toEqual([])
  expect(others.filter((name) => names.has(name))).toEqual([])
})

test('it has what cannot be bundled', () => {
  const names = new Set(sbom.packages.map(({ name }) => name))
  for (const name of ['@photostructure/sqlite', 'node-gyp-build']) expect(names).toContain(name)
})

test('each package belongs to another one, and in the end to this one', () => {
  const parents = new Map<string, string[]>()
  for (const { spdxElementId, relatedSpdxElement } of sbom.relationships) {
    parents.set(spdxElementId, [...(parents.get(spdxElementId) ?? []), relatedSpdxElement])
  }
  const [root = ''] = sbom.documentDescribes
  const reached = new Set([root])
  for (let before = 0; before < reached.size; ) {
    before = reached.size
    for (const [id, of] of parents) if (of.some((parent) => reached.has(parent))) reached.add(id)
  }
  const lost = sbom.packages.filter(({ SPDXID }) => !reached.has(SPDXID))
  expect(lost.map(({ name }) => name)).toEqual([])
})

test('licenses of what is bundled are there to read, of the pages as of the server', () => {
  const texts = ['server', 'web'].map((part) =>
    readFileSync(inProject('dist', part, 'licenses.md'), 'utf8'),
  )
  expect(texts[0]).toMatch(/^## fastify - /m)
  expect(texts[1]).toMatch(/^## react - /m)
  for (const text of texts) expect(text).toContain('Permission is hereby granted')
})

/** Where the code of each built file comes from. */
function mapsOfServer(): string[][] {
  const folder = inProject('dist/server')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.map'))
    .map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')).sources)
}

/** The innermost package that a source belongs to: `../../node_modules/a/node_modules/b/c.js`. */
function packageOf(source: string): string[] {
  const found = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source)?.[0]
  if (found === undefined) return []
  const file = path.join(inProject('dist/server'), found, 'package.json')
  const { name, version } = JSON.parse(readFileSync(file, 'utf8'))
  return [`${name}@${version}`]
}

function importedByPages(): ReadonlySet<string> {
  const files = readdirSync(inProject('web'), { recursive: true, encoding: 'utf8' })
  const texts = files
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
    .map((file) => readFileSync(inProject('web', file), 'utf8'))
  return new Set(
    texts.flatMap((text) =>
      [...text.matchAll(/\bfrom '((?:@[^/']+\/)?[^/'.]+)/g)].map(([, name = '']) => name),
    ),
  )
}
