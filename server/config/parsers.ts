import path from 'node:path'
import { compile } from 'proxy-addr'
import { parseAuthority, parseBaseUrl } from '../domain/base-url.ts'
import { RegistryError } from '../domain/errors.ts'

/** Reads one value; `folder` is what a relative path starts from. Throws REQUEST_INVALID. */
export type Parse<T> = (text: string, folder: string) => T

export function parseListen(text: string): { host: string; port: number } {
  const [, host = '', digits = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? []
  const port = digits === '' ? -1 : Number(digits)
  const isHost = host === '' || host === '*' || parseAuthority(host)?.port === null
  if (port < 0 || port > 65_535 || !isHost) {
    throw invalid('is not host:port, such as 0.0.0.0:8624 or [::1]:8624')
  }
  const anywhere = host === '' || host === '*'
  return { host: anywhere ? '0.0.0.0' : host.replace(/^\[|\]$/g, ''), port }
}

export function parseFilePath(text: string, folder: string): string {
  if (text === '' || text.includes('\0')) throw invalid('is not a path')
  return path.resolve(folder, text)
}

/** An absolute path, or `s3://bucket/prefix` without a slash at its end. */
export function parseBackupTarget(text: string, folder: string): string {
  const scheme = /^([a-z0-9]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) return parseFilePath(text, folder)
  const [, bucket = '', prefix = ''] = /^[^:]+:\/\/([^/]*)\/*(.*?)\/*$/.exec(text) ?? []
  const isBucket = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket)
  const isPrefix = prefix.split('/').every((part) => /^[\w.=+@ -]*$/.test(part) && part !== '..')
  if (scheme === 's3' && isBucket && isPrefix && !prefix.includes('//')) {
    return `s3://${prefix === '' ? bucket : `${bucket}/${prefix}`}`
  }
  throw invalid('is neither a folder nor s3://bucket/prefix')
}

/** `http(s)://host[:port]`, with a path if need be, without a slash at its end. */
export function parseServiceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (isHttp && url.username === '' && url.password === '') return text.replace(/\/+$/, '')
  throw invalid('is not http(s)://host[:port] without a user')
}

export function parseBoolean(text: string, folder: string): boolean {
  return parseChoice('true', 'false')(text, folder) === 'true'
}

export function parseFolders(text: string, folder: string): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim())
  return entries.filter((entry) => entry !== '').map((entry) => parseFilePath(entry, folder))
}

/** `sqlite:<path>` or a URL of PostgreSQL. A problem never repeats the value: it may hold a password. */
export function parseDatabaseUrl(text: string, folder: string): string {
  const file = /^sqlite:(?:\/\/(?=\/))?(.+)$/i.exec(text)?.[1]
  if (file !== undefined) return `sqlite:${path.resolve(folder, file)}`
  if (/^postgres(?:ql)?:\/\/./i.test(text) && URL.canParse(text)) {
    return text.replace(/^postgres(?:ql)?:/i, 'postgres:')
  }
  throw invalid('is neither sqlite:<file> nor postgres://user:password@host:port/database')
}

export function parsePublicUrl(text: string): string {
  const address = parseBaseUrl(text)
  if (address !== undefined) return address.baseUrl
  throw invalid('is not http(s)://host[:port] without a path')
}

export function parseTrustedProxies(text: string): readonly string[] {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '')
  const wrong = entries.filter((entry) => !isProxyNetwork(entry))
  if (wrong.length === 0) return entries
  throw invalid(
    `has ${wrong.map((entry) => `"${entry}"`).join(', ')}: not an address, a network such as ` +
      '10.0.0.0/8, or one of loopback, linklocal, uniquelocal',
  )
}

function isProxyNetwork(entry: string): boolean {
  try {
    compile(entry)
    return true
  } catch {
    return false
  }
}

export function parseSecret(minLength: number, hint: string): Parse<string> {
  return (text) => {
    if (text.length >= minLength) return text
    throw invalid(`is shorter than ${minLength} characters: ${hint}`)
  }
}

export function parseWord(text: string): string {
  if (/^\S{1,1000}$/.test(text)) return text
  throw invalid('is not a word without spaces')
}

export function parseChoice<const T extends string>(...choices: readonly T[]): Parse<T> {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text.toLowerCase())
    if (choice !== undefined) return choice
    throw invalid(`is not one of ${choices.join(', ')}`)
  }
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

export function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]?i?b)?$/i.exec(text) ?? []
  const factor = unitBytes[unit.toLowerCase()]
  const bytes = Math.round(Number(digits) * (factor ?? Number.NaN))
  if (Number.isSafeInteger(bytes)) return bytes
  throw invalid('is not a size in bytes, such as 268435456, 256MiB or 1.5GB')
}

/** A store as the API takes it; what it may have is looked at where stores are. */
export function parseStore(text: string): {
  readonly id: string
  readonly properties: Readonly<Record<string, unknown>>
} {
  const { id, properties } = parseObject(text)
  if (typeof id === 'string' && isObject(properties)) return { id, properties }
  throw invalid('is not a store as the API takes it: {"id": "s3", "properties": {"BucketName": …}}')
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    throw invalid('is not JSON: {"id": "s3", "properties": {"BucketName": …}}')
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw invalid('is not a whole number above 0')
}

function invalid(message: string): RegistryError {
  return new RegistryError('REQUEST_INVALID', message)
}
