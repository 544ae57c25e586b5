import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import type { Config } from './config.ts'
import { redact, redactText } from './log/redact.ts'

/** Writes one JSON line a call: fields first, then what happened in a few words. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A log whose lines all carry these fields too. */
  child(fields: object): Log
}

/**
 * Opens the log on the standard output, or on `to`. Lines are written in the background, and what
 * is left when the process exits is written then. Secrets are hidden by name, wherever they are.
 */
export function openLog({ logLevel }: Pick<Config, 'logLevel'>, to?: DestinationStream): Log {
  const options = {
    level: logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'message',
    formatters: { level: (label: string) => ({ level: label }) },
    // Errors are plain objects by then; pino would read them as errors without a class.
    serializers: { err: (value: unknown) => value },
  }
  return wrap(pino(options, to ?? destination({ fd: 1, sync: false })))
}

function wrap(logger: Logger): Log {
  const writer =
    (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
      if (logger.isLevelEnabled(level)) logger[level](redact(fields), redactText(message))
    }
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    child: (fields) => wrap(logger.child(redact(fields) as object)),
  }
}
