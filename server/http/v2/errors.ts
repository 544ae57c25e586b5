import type { ServerResponse } from 'node:http'
import { RegistryError } from '../../domain/errors.ts'
import type { Log } from '../../log.ts'
import { sendJson } from './reply.ts'

/**
 * Answers with an error as the OCI distribution-spec writes it ("Error Codes"). What is no refusal
 * of ours is a fault: logged, and told as nothing but that.
 */
export function sendError(res: ServerResponse, error: unknown, log: Log) {
  const refusal =
    error instanceof RegistryError
      ? error
      : new RegistryError('INTERNAL', undefined, { cause: error })
  if (refusal.status >= 500) logFault(refusal, error, res, log)
  if (refusal.code === 'CLIENT_GONE' || res.headersSent || res.destroyed) {
    res.destroy()
    return
  }
  const { wireCode: code, message, detail, headers } = refusal
  sendJson(
    res,
    refusal.status,
    { ...retryAfter(refusal), ...headers },
    { errors: [{ code, message, ...(detail !== undefined && { detail }) }] },
  )
}

function retryAfter(refusal: RegistryError): Record<string, string> {
  const later = refusal.status === 503 || refusal.status === 429
  return later ? { 'retry-after': '5' } : {}
}

function logFault(refusal: RegistryError, error: unknown, res: ServerResponse, log: Log) {
  const { method, url } = res.req
  if (refusal.code === 'UPSTREAM_FAILED') {
    // Another registry's fault, of which operators are told once (registry/connectors/failure-log.ts).
    log.debug({ method, url, detail: refusal.detail }, refusal.message)
    return
  }
  const cause = error instanceof RegistryError ? error.cause : error
  log.error(
    { err: cause ?? refusal, method, url, status: refusal.status, code: refusal.code },
    refusal.message,
  )
}
