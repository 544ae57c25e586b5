/**
 * Every refusal of the server, in one table: the code that goes on the wire (OCI distribution-spec,
 * "Error Codes", and the two that Distribution added), the HTTP status, and the default message.
 * Several entries share a wire code and differ in status.
 */
const table = {
  BLOB_UNKNOWN: ['BLOB_UNKNOWN', 404, 'The blob is not in this repository.'],
  BLOB_UPLOAD_INVALID: ['BLOB_UPLOAD_INVALID', 400, 'The blob upload is invalid.'],
  BLOB_UPLOAD_UNKNOWN: [
    'BLOB_UPLOAD_UNKNOWN',
    404,
    'No such upload in this repository: it was finished, cancelled or purged. Start a new one.',
  ],
  CLIENT_GONE: ['UNAVAILABLE', 499, 'The client went away.'],
  CONFLICT: ['DENIED', 409, 'The request conflicts with what is there.'],
  DENIED: ['DENIED', 403, 'You may not do this.'],
  DIGEST_INVALID: ['DIGEST_INVALID', 400, 'The digest is invalid.'],
  INTERNAL: ['UNKNOWN', 500, 'The server failed; its log says why.'],
  INVALID_FIELDS: ['UNSUPPORTED', 422, 'Some fields are not valid.'],
  IN_USE: ['DENIED', 409, 'It is still in use.'],
  MANIFEST_BLOB_UNKNOWN: [
    'MANIFEST_BLOB_UNKNOWN',
    400,
    'The manifest refers to content that is not in this repository.',
  ],
  MANIFEST_INVALID: ['MANIFEST_INVALID', 400, 'The manifest is invalid.'],
  MANIFEST_TOO_LARGE: ['MANIFEST_INVALID', 413, 'The manifest is too large.'],
  MANIFEST_UNKNOWN: ['MANIFEST_UNKNOWN', 404, 'No such manifest in this repository.'],
  NAME_INVALID: ['NAME_INVALID', 400, 'The repository name is invalid.'],
  NAME_UNKNOWN: ['NAME_UNKNOWN', 404, 'No such repository.'],
  NOT_FOUND: ['UNSUPPORTED', 404, 'No such address.'],
  PAGINATION_NUMBER_INVALID: [
    'PAGINATION_NUMBER_INVALID',
    400,
    'The number of results, n, must be a whole number of 0 or more.',
  ],
  QUOTA_EXCEEDED: ['DENIED', 403, 'The quota is used up.'],
  RANGE_INVALID: ['RANGE_INVALID', 416, 'The range cannot be satisfied.'],
  REQUEST_INVALID: ['UNSUPPORTED', 400, 'The request is invalid.'],
  REQUEST_TIMEOUT: ['UNAVAILABLE', 408, 'The request body stopped arriving.'],
  SIZE_INVALID: ['SIZE_INVALID', 400, 'The length does not match the content.'],
  STORAGE_FULL: ['UNAVAILABLE', 507, 'The server has no room left on its disk.'],
  TAG_INVALID: ['MANIFEST_INVALID', 400, 'The tag is invalid.'],
  TOOMANYREQUESTS: ['TOOMANYREQUESTS', 429, 'Too many requests; try again later.'],
  TOO_MANY_TAGS: ['UNSUPPORTED', 414, 'Too many tags in one request.'],
  UNAUTHORIZED: ['UNAUTHORIZED', 401, 'Log in first.'],
  UNAVAILABLE: ['UNAVAILABLE', 503, 'Not available now; try again later.'],
  UNSUPPORTED: ['UNSUPPORTED', 405, 'The operation is not supported.'],
  UPSTREAM_FAILED: ['UNAVAILABLE', 502, 'Another registry failed; try again later.'],
} as const satisfies Record<string, readonly [wireCode: string, status: number, message: string]>

export type ErrorCode = keyof typeof table

export interface ErrorOptions {
  /** Machine-readable facts: plain JSON, never a secret. */
  detail?: unknown
  /** Response headers that belong to the refusal (`WWW-Authenticate`, `Allow`, `Range`, …). */
  headers?: Record<string, string>
  cause?: unknown
}

/** The one error of the server: a refusal that the caller is told about. */
export class RegistryError extends Error {
  override name = 'RegistryError'
  readonly code: ErrorCode
  readonly detail: unknown
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, message?: string, options: ErrorOptions = {}) {
    super(
      message ?? table[code][2],
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.detail = options.detail
    this.headers = options.headers ?? {}
  }

  get wireCode(): string {
    return table[this.code][0]
  }

  get status(): number {
    return table[this.code][1]
  }
}

/** What is wrong with one field of a request to the management API. */
export interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** Throws INVALID_FIELDS for one field; its message is that field's. */
export function refuseField(field: string, message: string): never {
  const problem: FieldProblem = { field, message }
  throw new RegistryError('INVALID_FIELDS', message, { detail: [problem] })
}

/** What `parse` gives; what it says of a bad text (REQUEST_INVALID, NAME_INVALID) is told of the field. */
export function parseField<T>(field: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (isRefusal(error, 'REQUEST_INVALID') || isRefusal(error, 'NAME_INVALID')) {
      refuseField(field, error.message)
    }
    throw error
  }
}

/** Whether an error is a refusal with this code. */
export function isRefusal(error: unknown, code: ErrorCode): error is RegistryError {
  return error instanceof RegistryError && error.code === code
}
