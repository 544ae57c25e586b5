import { Readable } from 'node:stream'
import { RegistryError } from '../domain/errors.ts'

/**
 * The body of an answer that was asked for from `start` on. A service, or what stands before it, that
 * knows no ranges sends other bytes than those: UNAVAILABLE.
 */
export function rangeBody(
  body: unknown,
  { contentRange, start }: { readonly contentRange: string | undefined; readonly start: number },
): Readable | undefined {
  if (body === undefined) return undefined
  if (!(body instanceof Readable)) throw new TypeError('a body that is no stream of Node')
  if (start === 0 || contentRange?.startsWith(`bytes ${start}-`)) return body
  body.destroy()
  throw new RegistryError('UNAVAILABLE', 'The blob store answered with another range.')
}
