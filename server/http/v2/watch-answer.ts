import type { AnsweredRequest } from '../../auth/key-usage.ts'
import type { Principal } from '../../domain/permission.ts'
import type { Exchange } from './exchange.ts'

/** Told of every request that a key made, once it is answered. */
export type OnAnswered = (principal: Principal, request: AnsweredRequest) => void

/** Of principals that are no keys nothing is told. */
export function watchAnswer(
  { onAnswered }: { readonly onAnswered?: OnAnswered },
  { req, res, path, caller }: Exchange,
  principal: Principal,
): void {
  if (onAnswered === undefined || principal.kind !== 'key') return
  res.once('close', () => {
    const request = { address: caller.address, method: req.method ?? '', path }
    onAnswered(principal, { ...request, status: res.statusCode })
  })
}
