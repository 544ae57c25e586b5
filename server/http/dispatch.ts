import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { RegistryError } from '../domain/errors.ts'
import type { Log } from '../log.ts'
import { answerExpectation, answerMissingHost } from './client-error.ts'
import { isV2 } from './route-label.ts'

/** Answers a request on `/v2`, errors included. */
export type HandleV2 = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>

export interface DispatchOptions {
  readonly v2: HandleV2
  readonly log: Log
  /** Sees every request first. */
  readonly begin: (req: IncomingMessage, res: ServerResponse) => void
  /** Is told of what a request does. */
  readonly work: (promise: Promise<void>) => void
  readonly other: RequestListener
}

/** What listens to the events of a request. */
export interface Dispatch {
  readonly request: RequestListener
  readonly checkContinue: RequestListener
  readonly checkExpectation: RequestListener
}

/** `/v2` and below go to their own handler, everything else to the other. */
export function createDispatch({ v2, log, begin, work, other }: DispatchOptions): Dispatch {
  const runV2 = async (req: IncomingMessage, res: ServerResponse) => {
    try {
      await v2(req, res)
    } catch (err) {
      log.error({ err, method: req.method, url: req.url }, 'request failed')
      answerFailure(res)
    }
  }
  const isRefused = (req: IncomingMessage, res: ServerResponse) => {
    req.url = originForm(req.url)
    begin(req, res)
    if (req.headers.host !== undefined || req.httpVersion === '1.0') return false
    answerMissingHost(res)
    return true
  }
  return {
    request: (req, res) => {
      if (isRefused(req, res)) return
      if (isV2(req.url)) work(runV2(req, res))
      else other(req, res)
    },
    checkContinue: (req, res) => {
      if (isRefused(req, res)) return
      continueInTurn(res)
      if (!isV2(req.url)) {
        res.writeContinue()
        other(req, res)
        return
      }
      closeUnlessContinued(res)
      work(runV2(req, res))
    },
    checkExpectation: (req, res) => {
      begin(req, res)
      answerExpectation(res)
    },
  }
}

/** RFC 9112, 3.2.2: a server takes the absolute form too, `GET http://host/v2/ HTTP/1.1`. */
function originForm(url = '/'): string {
  return url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*(?=[/?]|$)/i, '') || '/'
}

/**
 * A pipelined request may be here before those ahead of it are answered. Node would put its `100
 * Continue` between the head and the body of its own reply.
 */
function continueInTurn(res: ServerResponse) {
  const writeContinue = res.writeContinue.bind(res)
  res.writeContinue = (callback) => {
    if (res.socket !== null) {
      writeContinue(callback)
      return
    }
    res.once('socket', () => {
      if (!res.headersSent) writeContinue(callback)
    })
  }
}

/**
 * RFC 9110, 10.1.1: after a final answer instead of 100 nobody knows whether the body will come,
 * so the connection cannot be used again.
 */
function closeUnlessContinued(res: ServerResponse) {
  const { shouldKeepAlive } = res
  const writeContinue = res.writeContinue.bind(res)
  res.shouldKeepAlive = false
  res.writeContinue = (callback) => {
    res.shouldKeepAlive = shouldKeepAlive
    writeContinue(callback)
  }
}

/** The last resort: the handler of `/v2` answers its own errors. */
function answerFailure(res: ServerResponse) {
  if (res.headersSent) {
    res.destroy()
    return
  }
  const { wireCode, status, message } = new RegistryError('INTERNAL')
  const body = Buffer.from(JSON.stringify({ errors: [{ code: wireCode, message }] }))
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': body.byteLength })
  res.end(body)
}
