import { mediaTypes } from '../support/content.ts'
import type { Random } from '../support/random.ts'
import { makeDigest } from './targets.ts'
import { oddText } from './texts.ts'
import type { World } from './world.ts'

const types = [
  mediaTypes.image,
  mediaTypes.index,
  mediaTypes.dockerImage,
  mediaTypes.dockerList,
  mediaTypes.schema1Signed,
  'application/vnd.example+json',
]

export function makeContentType(random: Random): string {
  if (random.chance(0.85)) return random.pick(types)
  return random.pick(['text/html', 'application/json; charset=utf-8', '', 'a/b+json', '*/*', 'x'])
}

/** Something that might be taken for a manifest of this type. */
export function makeManifest(random: Random, world: World, type: string): Buffer {
  if (random.chance(0.15)) return Buffer.from(random.pick(documents)(random))
  const isIndex = type === mediaTypes.index || type === mediaTypes.dockerList
  const value = isIndex ? indexOf(random, world, type) : imageOf(random, world, type)
  for (let times = random.pick([0, 0, 1, 1, 2, 5]); times > 0; times--) spoil(random, world, value)
  return spoilText(random, JSON.stringify(value))
}

type Json = Record<string, unknown>

function imageOf(random: Random, world: World, mediaType: string): Json {
  return {
    schemaVersion: 2,
    mediaType,
    config: descriptorOf(random, world),
    layers: Array.from({ length: random.between(0, 4) }, () => descriptorOf(random, world)),
    ...(random.chance(0.3) && { subject: descriptorOf(random, world) }),
    ...(random.chance(0.3) && { annotations: { made: `${random.next()}` } }),
    ...(random.chance(0.2) && { artifactType: random.pick(['application/x', oddText(random)]) }),
  }
}

function indexOf(random: Random, world: World, mediaType: string): Json {
  return {
    schemaVersion: 2,
    mediaType,
    manifests: Array.from({ length: random.between(0, 4) }, () => ({
      ...descriptorOf(random, world),
      platform: { os: 'linux', architecture: random.pick(['amd64', oddText(random)]) },
    })),
    ...(random.chance(0.2) && { subject: descriptorOf(random, world) }),
  }
}

function descriptorOf(random: Random, world: World): Json {
  const { digest, size } = random.pick(world.parts)
  const isKnown = random.chance(0.8)
  return {
    mediaType: random.pick([mediaTypes.gzipLayer, mediaTypes.config, mediaTypes.foreignLayer]),
    digest: isKnown ? digest : makeDigest(random, world),
    size: isKnown ? size : random.between(0, 1000),
  }
}

/** Puts something odd into a place of the tree, under its own name or under a worse one. */
function spoil(random: Random, world: World, root: Json): void {
  let place = root
  for (let depth = random.between(0, 3); depth > 0; depth--) {
    const inner = Object.values(place).filter(
      (value) => typeof value === 'object' && value !== null,
    )
    if (inner.length === 0) break
    place = random.pick(inner) as Json
  }
  const names = ['constructor', 'toString', 'length', 'annotations', 'urls', 'mediaType', 'digest']
  const others = Array.isArray(place) ? ['0'] : [...names, 'size', 'data', 'platform']
  const key = random.pick([...Object.keys(place), ...others])
  place[key] = oddValue(random, world)
}

function oddValue(random: Random, world: World): unknown {
  return random.pick<() => unknown>([
    () => null,
    () => true,
    () => -1,
    () => 1.5,
    () => Number.MAX_SAFE_INTEGER,
    () => 1e300,
    () => '',
    () => oddText(random),
    () => 'nul \u0000 inside',
    () => '\ud800 half of a pair',
    () => 'line\r\nX-Injected: yes',
    () => 'x'.repeat(random.pick([200, 70_000])),
    () => [],
    () => [[]],
    () => [null],
    () => ({}),
    () => ({ toString: 1, valueOf: 2, length: 3 }),
    () => makeDigest(random, world),
    () => [descriptorOf(random, world), descriptorOf(random, world)],
    () => Object.fromEntries([['key '.repeat(9), oddText(random)]]),
  ])()
}

/** What no value can say: keys twice, `__proto__` as text, bytes that are no text. */
function spoilText(random: Random, text: string): Buffer {
  switch (random.between(1, 14)) {
    case 1:
      return Buffer.from(text.slice(0, random.between(0, text.length)))
    case 2:
      return Buffer.from(text.replace('{', '{"schemaVersion":1,"config":7,'))
    case 3:
      return Buffer.from(text.replace('{', '{"__proto__":{"mediaType":"x","layers":[]},'))
    case 4:
      return Buffer.from(text.replace('{', '{"annotations":{"__proto__":"a","constructor":"b"},'))
    case 5: {
      const bytes = Buffer.from(text)
      bytes[random.between(0, bytes.length - 1)] = random.pick([0, 0xff, 0xc0, 0x80, 0xed])
      return bytes
    }
    case 6:
      return Buffer.from(`\ufeff${text}`)
    case 7:
      return Buffer.from(`${text}\0`)
    case 8:
      return Buffer.from(text, 'utf16le')
    default:
      return Buffer.from(text)
  }
}

const documents: readonly ((random: Random) => string)[] = [
  () => '',
  () => 'null',
  () => '[]',
  () => '"text"',
  () => '1e999',
  () => '{}',
  (random) => deep(random, '[', ']'),
  (random) => deep(random, '{"config":', '}'),
  (random) => `{"schemaVersion":2,"layers":[${'{},'.repeat(random.pick([10, 100_000]))}{}]}`,
  (random) => manyLayers(random.pick([200, 20_000])),
  (random) => manyAnnotations(random.pick([10, 20_000])),
  (random) => ' '.repeat(random.pick([10, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1])),
]

function deep(random: Random, open: string, close: string): string {
  const depth = random.pick([100, 5000, 100_000])
  return `${open.repeat(depth)}1${close.repeat(depth)}`
}

/** As many as fit: whoever looks each of them up does a lot of work. */
function manyLayers(count: number): string {
  const layers = Array.from({ length: count }, (_, i) => {
    const digest = `sha256:${i.toString(16).padStart(64, '0')}`
    return { mediaType: mediaTypes.gzipLayer, digest, size: i }
  })
  const config = layers[0] ?? {}
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.image, config, layers })
}

function manyAnnotations(count: number): string {
  const annotations = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`k${i}`, `v${i}`]),
  )
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [],
    annotations,
  })
}
