import { type ErrorCode, RegistryError } from '../domain/errors.ts'

/** What the writer thread is started with. */
export interface WriterData {
  readonly file: string
  /** Address of the module that exports the `writes`. */
  readonly writesModule: string
}

/** To the writer: a write to run (`ping`: only the transaction around it), or the last message. */
export type Order =
  | { readonly kind: 'write'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'close' }

/** From the writer. `ready` is sent once; a `failed` start is the last message. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'answers'; readonly answers: readonly Answer[] }

export type Answer =
  | { readonly id: number; readonly ok: true; readonly output: unknown }
  | { readonly id: number; readonly ok: false; readonly error: PlainError }

/** An error as plain data, since threads exchange no classes. */
export interface PlainError {
  readonly name: string
  readonly message: string
  readonly stack: string
  /** Set for a refusal. */
  readonly refusal?: {
    readonly code: ErrorCode
    readonly detail: unknown
    readonly headers: Record<string, string>
  }
  readonly cause?: PlainError
  /** SQLite's or Node's own marks. */
  readonly code?: string
  readonly errcode?: number
}

export function packError(error: unknown): PlainError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: `Something else was thrown: ${String(error)}`, stack: '' }
  }
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  return {
    name: error.name,
    message: error.message,
    stack: error.stack ?? '',
    ...(error instanceof RegistryError && {
      refusal: { code: error.code, detail: error.detail, headers: error.headers },
    }),
    ...(error.cause !== undefined && { cause: packError(error.cause) }),
    ...(typeof code === 'string' && { code }),
    ...(typeof errcode === 'number' && { errcode }),
  }
}

export function unpackError(plain: PlainError): Error {
  const options = plain.cause === undefined ? {} : { cause: unpackError(plain.cause) }
  const { refusal } = plain
  if (refusal !== undefined) {
    const { code, detail, headers } = refusal
    const error = new RegistryError(code, plain.message, { detail, headers, ...options })
    error.stack = plain.stack
    return error
  }
  const error = new Error(plain.message, options)
  error.name = plain.name
  error.stack = plain.stack
  return Object.assign(error, {
    ...(plain.code !== undefined && { code: plain.code }),
    ...(plain.errcode !== undefined && { errcode: plain.errcode }),
  })
}

/**
 * Plain data whose bytes stand alone: a small Buffer is a view into a shared pool, and the whole
 * pool would be sent with it.
 */
export function compact(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return value.byteLength === value.buffer.byteLength ? value : Uint8Array.from(value)
  }
  if (Array.isArray(value)) {
    return value.map(compact)
  }
  if (typeof value === 'object' && value !== null && isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, compact(inner)]))
  }
  return value
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
