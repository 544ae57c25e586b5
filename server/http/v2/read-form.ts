import { RegistryError } from '../../domain/errors.ts'
import { readWhole } from './body.ts'
import type { Exchange } from './exchange.ts'

const maxBytes = 64 * 1024

/**
 * The fields of an `application/x-www-form-urlencoded` body. Throws REQUEST_INVALID for another
 * content type, for more than 64 KiB, and for what is not UTF-8.
 */
export async function readForm(exchange: Exchange): Promise<URLSearchParams> {
  const [type = ''] = (exchange.req.headers['content-type'] ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new RegistryError(
      'REQUEST_INVALID',
      'The body must be a form: Content-Type application/x-www-form-urlencoded.',
    )
  }
  const body = await readWhole(exchange, maxBytes, tooLong)
  try {
    return new URLSearchParams(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw new RegistryError('REQUEST_INVALID', 'The form is not UTF-8.', { cause: error })
  }
}

function tooLong(): RegistryError {
  return new RegistryError('REQUEST_INVALID', `The form is longer than ${maxBytes} bytes.`, {
    // What is still to come is not read, so nothing can follow it.
    headers: { connection: 'close' },
  })
}
