import { z } from 'zod'

export const defaultCount = 100
export const maxCount = 1000

const count = z
  .string()
  .regex(/^[0-9]{1,4}$/, `a whole number from 1 to ${maxCount}`)
  .transform(Number)
  .pipe(z.number().min(1).max(maxCount))
  .optional()
  .meta({ description: `How many at most: 1 to ${maxCount}, ${defaultCount} if absent.` })

/** Asks for one page of a list that goes by name. */
export const namedPage = {
  after: z
    .string()
    .max(300)
    .optional()
    .meta({ description: 'The name that the page begins after; the `Link` header has it.' }),
  count,
}

/** Asks for one page of a list that goes by number. */
export const numberedPage = {
  after: z
    .string()
    .regex(/^[0-9]{1,15}$/, 'a number from the Link header of the page before')
    .transform(Number)
    .optional()
    .meta({ description: 'The number that the page begins after; the `Link` header has it.' }),
  count,
}
