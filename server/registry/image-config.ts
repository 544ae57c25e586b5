import type { Db } from '../db/database.ts'
import type { BlobUse } from '../db/image-queries.ts'
import { findLinkedBlob } from '../db/links.ts'
import { formatPlatform } from '../domain/platform.ts'
import { readSmallBlob } from './small-blobs.ts'
import type { Stores } from './stores.ts'

/** One step of an image's history. */
export interface HistoryStep {
  readonly command: string | null
  readonly created: string | null
  readonly comment: string | null
  /** Whether it made no layer. */
  readonly isEmpty: boolean
}

/** What an image's configuration says; all of it is the word of whoever built the image. */
export interface ImageConfig {
  readonly problem: string | null
  readonly platform: string | null
  readonly created: string | null
  readonly author: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly env: readonly string[]
  readonly entrypoint: readonly string[] | null
  readonly cmd: readonly string[] | null
  readonly exposedPorts: readonly string[]
  readonly volumes: readonly string[]
  readonly user: string | null
  readonly workingDir: string | null
  readonly stopSignal: string | null
  readonly raw: string | null
  readonly history: readonly HistoryStep[]
}

type Json = Readonly<Record<string, unknown>>

const maxBytes = 4 * 1024 * 1024
const maxShownBytes = 256 * 1024
/** Of each list: an image has some, and a page that shows a million helps nobody. */
const maxItems = 2000
const maxTextLength = 64 * 1024

/** Reads a config blob of the repository. What is wrong with it is said in `problem`. */
export async function readImageConfig(
  { db, stores }: { readonly db: Db; readonly stores: Stores },
  key: { readonly repositoryId: number; readonly digest: string },
  use: Pick<BlobUse, 'state'> | undefined,
): Promise<ImageConfig> {
  if (use === undefined) return withProblem('The configuration is not in this repository.')
  const blob = await findLinkedBlob(db.read, key)
  if (blob === undefined || use.state === 'damaged') {
    return withProblem('The configuration is damaged: push the image again to mend it.')
  }
  if (blob.sizeBytes > maxBytes) {
    return withProblem(
      `The configuration has ${blob.sizeBytes} bytes: more than ${maxBytes} are not read.`,
    )
  }
  const text = await readSmallBlob(stores, blob)
  if (text === undefined) {
    return withProblem("The configuration's bytes are missing: push the image again to mend it.")
  }
  return parseImageConfig(text)
}

export function parseImageConfig(text: string): ImageConfig {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ...withProblem('The configuration is not JSON.'), raw: shown(text) }
  }
  if (!isObject(value)) {
    return { ...withProblem('The configuration is JSON, but no object.'), raw: shown(text) }
  }
  const config = isObject(value.config) ? value.config : {}
  return {
    problem: null,
    platform: formatPlatform(value),
    created: textOf(value.created),
    author: textOf(value.author),
    labels: textsByName(config.Labels),
    env: textsOf(config.Env) ?? [],
    entrypoint: textsOf(config.Entrypoint),
    cmd: textsOf(config.Cmd),
    exposedPorts: namesOf(config.ExposedPorts),
    volumes: namesOf(config.Volumes),
    user: textOf(config.User),
    workingDir: textOf(config.WorkingDir),
    stopSignal: textOf(config.StopSignal),
    raw: shown(text),
    history: historyOf(value.history),
  }
}

function withProblem(problem: string): ImageConfig {
  return {
    problem,
    ...{ platform: null, created: null, author: null, labels: {}, env: [], entrypoint: null },
    ...{ cmd: null, exposedPorts: [], volumes: [], user: null, workingDir: null },
    ...{ stopSignal: null, raw: null, history: [] },
  }
}

function shown(text: string): string | null {
  return text.length > maxShownBytes ? null : text
}

function historyOf(value: unknown): HistoryStep[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, maxItems).map((item: unknown) => {
    const step = isObject(item) ? item : {}
    return {
      command: textOf(step.created_by),
      created: textOf(step.created),
      comment: textOf(step.comment),
      isEmpty: step.empty_layer === true,
    }
  })
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, maxTextLength) : null
}

function textsOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null
  const texts = value.filter((item): item is string => typeof item === 'string')
  return texts.slice(0, maxItems).map((text) => text.slice(0, maxTextLength))
}

function namesOf(value: unknown): string[] {
  return isObject(value) ? Object.keys(value).slice(0, maxItems).sort() : []
}

export function textsByName(value: unknown): Record<string, string> {
  if (!isObject(value)) return {}
  const texts = Object.entries(value).filter(([, text]) => typeof text === 'string')
  return Object.fromEntries(
    texts.slice(0, maxItems).map(([name, text]) => [name, String(text).slice(0, maxTextLength)]),
  )
}
