import { z } from 'zod'

/** One field of a request that is not as it must be. */
export const FieldProblem = z.object({
  /** Its name; inside another `outer.inner`, in a list `list.0`. Empty: the whole body. */
  field: z.string(),
  message: z.string(),
})
export type FieldProblem = z.infer<typeof FieldProblem>

/** Every refusal: RFC 9457, with the server's own code beside it. */
export const Problem = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  /** Of a 422 every invalid field; of others what else is known. */
  errors: z.unknown().optional(),
})
export type Problem = z.infer<typeof Problem>
