import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError } from '../domain/errors.ts'

/** What a service answered, or why there was no answer. */
export interface CloudFault {
  /** Null: there was no answer. */
  readonly status: number | null
  readonly code: string
  readonly message: string
}

const attempts = 7
const firstDelayMs = 100
const longestDelayMs = 4000
/** A service that takes connections and says nothing takes a minute each time. */
const longestMs = 100_000

/**
 * Runs `work`, again while the service is busy or the network fails: with pauses that grow and
 * differ from caller to caller. What remains comes out as a RegistryError.
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const lastStartMs = performance.now() + longestMs
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const fault = faultOf(error)
      if (fault === undefined || signal?.aborted) throw error
      const isLast = attempt >= attempts || performance.now() > lastStartMs
      if (isLast || !isTransient(fault)) throw cloudError(fault)
      await sleep(delayMs(attempt), undefined, { ...(signal && { signal }) })
    }
  }
}

/** The pause before trying again: at random up to twice the one before. */
export function delayMs(attempt: number): number {
  return Math.random() * Math.min(longestDelayMs, firstDelayMs * 2 ** attempt)
}

const transientCodes = new Set([
  'BadDigest',
  'IncompleteBody',
  'InternalError',
  'Md5Mismatch',
  'OperationAborted',
  'OperationTimedOut',
  'RequestTimeout',
  'ServerBusy',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'XAmzContentSHA256Mismatch',
])

/** Without an answer it may be the network; 501 says that it will never work. */
function isTransient({ status, code }: CloudFault): boolean {
  if (status === null) return true
  // An answer that broke off is read as a bad one with a good status.
  if (status < 300) return true
  return (status >= 500 && status !== 501) || status === 429 || transientCodes.has(code)
}

/** What the service, or the way to it, said; undefined for what is not theirs: our own errors. */
export function faultOf(error: unknown): CloudFault | undefined {
  if (!(error instanceof Error) || error instanceof RegistryError || error.name === 'AbortError') {
    return undefined
  }
  const facts = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number }
    readonly statusCode?: number
    readonly code?: unknown
    readonly $fault?: unknown
  }
  const status = facts.$metadata?.httpStatusCode ?? facts.statusCode ?? null
  const code = typeof facts.code === 'string' ? facts.code : error.name
  if (status === null && isMistake(error)) return undefined
  return { status, code, message: error.message }
}

/** An error of our own making, which trying again does not mend. */
function isMistake(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
}

const full = new Set(['QuotaExceeded', 'InsufficientStorage', 'StorageQuotaExceeded'])

/** Only what the service said is kept: its client's errors carry headers, and they signatures. */
export function cloudError(fault: CloudFault): RegistryError {
  const { status, code, message } = fault
  const said = status === null ? code : `${code}, ${status}`
  const cause = Object.assign(new Error(withoutSecrets(message)), { code, status })
  if (full.has(code) || status === 507) {
    return new RegistryError(
      'STORAGE_FULL',
      `The blob store has no room left (${said}). Free some space or raise its quota, then push again.`,
      { cause },
    )
  }
  // An answer to HEAD has no words of its own.
  const isRefused = status === 401 || status === 403
  const trouble = isRefused
    ? `The blob store refuses the credentials, or they lack a right (${said}).`
    : `The blob store cannot be used now (${said}).`
  return new RegistryError('UNAVAILABLE', trouble, { cause })
}

/** Signed addresses and keys may be part of what a client library says. */
function withoutSecrets(message: string): string {
  return message
    .replace(/([?&;](?:sig|X-Amz-[A-Za-z-]+|AccountKey|SharedAccessSignature)=)[^&;\s"']+/gi, '$1…')
    .replace(/\b(Signature|Credential|AccountKey|sig)=[^,;\s"'&]+/gi, '$1=…')
    .slice(0, 1000)
}

/** Whether the error is what `cloudError` made of this code or status. */
export function isCloudFault(error: unknown, what: string | number): boolean {
  if (!(error instanceof RegistryError) || !(error.cause instanceof Error)) return false
  const { code, status } = error.cause as Error & { code?: unknown; status?: unknown }
  return code === what || status === what
}
