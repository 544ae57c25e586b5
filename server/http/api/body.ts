import type { FastifyInstance } from 'fastify'
import { RegistryError } from '../../domain/errors.ts'

/** A request's body, and what it was written as. */
export interface Body {
  readonly form: 'json' | 'urlencoded'
  readonly value: unknown
}

/** JSON and forms, and nothing else: a page of another site cannot send JSON unasked. */
export function parseBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, { form: 'json', value: parseJson(String(text)) } satisfies Body)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, text, done) => {
      done(null, { form: 'urlencoded', value: parseForm(String(text)) } satisfies Body)
    },
  )
}

/** Clients that have nothing to say name the type of it all the same. */
function parseJson(text: string): unknown {
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RegistryError('REQUEST_INVALID', 'The body is not JSON.', { cause })
  }
}

/** As JSON would be: a field that is given more than once is a list. */
function parseForm(text: string): unknown {
  const form = new URLSearchParams(text)
  const fields = [...new Set(form.keys())].map((name) => {
    const values = form.getAll(name)
    return [name, values.length === 1 ? values[0] : values] as const
  })
  return Object.fromEntries(fields)
}
