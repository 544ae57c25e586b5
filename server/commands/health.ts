import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { ownUrlOf } from '../config/own-url.ts'
import type { Config } from '../config.ts'
import { RegistryError } from '../domain/errors.ts'
import { type Command, countOf, textOf, usageError } from './command.ts'

const defaultTimeoutSeconds = 10
const maxAnswer = 2000

/** Fails when the server of this configuration is not healthy: what a container's health check asks. */
export const healthCommand: Command = {
  words: 'health',
  operands: [],
  summary: 'Ask the server that runs here with these settings whether it is healthy.',
  options: {
    timeout: {
      type: 'string',
      sample: 'SECONDS',
      help: `How long to wait. Default: ${defaultTimeoutSeconds}.`,
    },
  },
  settings: ['listen', 'tls-cert', 'tls-key'],
  read: (typed) => {
    const timeout = textOf(typed, 'timeout')
    const seconds = timeout === undefined ? defaultTimeoutSeconds : countOf('--timeout', timeout)
    return async (config, terminal) => terminal.print(await askHealth(config, seconds))
  },
}

/** What `/health` says. Throws UNAVAILABLE, saying why, unless that is that all is well. */
async function askHealth(config: Config, seconds: number): Promise<string> {
  const url = ownAddress(config)
  const { status, text } = await get(url, seconds).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
    throw new RegistryError('UNAVAILABLE', `${url} does not answer: ${reason}`, { cause })
  })
  if (status === 200) return text
  throw new RegistryError('UNAVAILABLE', `${url} answers ${status}: ${text}`)
}

function ownAddress(config: Config): URL {
  const own = ownUrlOf(config)
  if (own !== null) return new URL('/health', own)
  throw usageError('The server listens on a port of its own choosing: set "listen".')
}

function get(url: URL, seconds: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(seconds * 1000)
    // The certificate has the public name, not this address; nothing secret is sent.
    const asking =
      url.protocol === 'https:'
        ? requestHttps(url, { signal, rejectUnauthorized: false })
        : requestHttp(url, { signal })
    asking.on('error', reject)
    asking.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (piece: string) => {
        if (text.length < maxAnswer) text += piece
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asking.end()
  })
}
