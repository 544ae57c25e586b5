import type { IncomingMessage } from 'node:http'
import { RegistryError } from '../../domain/errors.ts'

const maxBytes = 64 * 1024

/**
 * The fields of an `application/x-www-form-urlencoded` body. Throws REQUEST_INVALID for another
 * content type, for more than 64 KiB, and for what is not UTF-8.
 */
export async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  const [type = ''] = (req.headers['content-type'] ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new RegistryError(
      'REQUEST_INVALID',
      'The body must be a form: Content-Type application/x-www-form-urlencoded.',
    )
  }
  const body = await readBody(req)
  try {
    return new URLSearchParams(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw new RegistryError('REQUEST_INVALID', 'The form is not UTF-8.', { cause: error })
  }
}

async function readBody(req: IncomingMessage): Promise<Uint8Array> {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLong()
  const chunks: Uint8Array[] = []
  let length = 0
  // Leaving the loop early must not destroy the socket: the refusal still has to go out on it.
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    length += chunk.length
    if (length > maxBytes) throw tooLong()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLong(): RegistryError {
  return new RegistryError('REQUEST_INVALID', `The form is longer than ${maxBytes} bytes.`, {
    // What is still to come is not read, so nothing can follow it.
    headers: { connection: 'close' },
  })
}
