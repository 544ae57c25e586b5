import { z } from 'zod'

/** A name of something that there is, in any case. */
export const name = z.string().min(1).max(300)

/** A number that the server gave something, in an address. */
export const idInAddress = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/, 'a whole number')
  .transform(Number)

/** `true` or `false` in an address, in any case, as .NET writes them too. */
export const flagInAddress = z
  .string()
  .regex(/^(?:true|false)$/i, 'true or false')
  .transform((text) => text.toLowerCase() === 'true')

export const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601.' })

/** One line for people to read. */
export function line(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'no control characters')
}

/** Several lines for people to read. */
export function prose(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .regex(/^(?:[\n\r\t]|[^\p{Cc}\p{Cs}])*$/u, 'no control characters but tabs and line breaks')
}

/** Bytes that there may be; null: any number. */
export const quota = z.int().min(0).nullable().optional()
