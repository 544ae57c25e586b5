import type { LoginRecord } from '../db/logins.ts'
import type { LoginAttempt } from './failures.ts'
import { networkOf } from './network.ts'

/** Failed logins that are yet to be written down, those of one account at one address together. */
export interface FailedLogins {
  /** `name`: of the account, if there is one. */
  failed(attempt: LoginAttempt, name: string | null): void
  /** It had to wait, and was not even looked at. */
  refused(attempt: LoginAttempt): void
  /** What has to be written down: each again only after so long. */
  take(quietMs: number): LoginRecord[]
}

interface Gathered {
  readonly name: string | null
  address: string
  failed: number
  refused: number
  /** When it was last written down. */
  writtenAt: number
}

const maxEntries = 10_000

export function createFailedLogins(monotonicMs: () => number): FailedLogins {
  const gathered = new Map<string, Gathered>()

  const entryOf = (id: string, name: string | null, address: string): Gathered => {
    const known = gathered.get(id)
    if (known) return known
    // Full of what nobody has written yet: then the oldest is lost, not the server's memory.
    if (gathered.size >= maxEntries) gathered.delete(gathered.keys().next().value ?? '')
    const entry = { name, address, failed: 0, refused: 0, writtenAt: Number.NEGATIVE_INFINITY }
    gathered.set(id, entry)
    return entry
  }

  return {
    failed({ account, address }, name) {
      const known = name === null ? '' : account
      const entry = entryOf(`${networkOf(address)} ${known}`, name, address)
      entry.failed += 1
      entry.address = address
    },
    refused({ account, address }) {
      const network = networkOf(address)
      const entry = gathered.get(`${network} ${account}`) ?? entryOf(`${network} `, null, address)
      entry.refused += 1
      entry.address = address
    },
    take(quietMs) {
      const now = monotonicMs()
      const due = [...gathered].filter(([, { writtenAt }]) => now - writtenAt >= quietMs)
      return due.flatMap(([id, entry]) => {
        const { name: user, address, failed, refused } = entry
        if (failed + refused === 0) {
          gathered.delete(id)
          return []
        }
        Object.assign(entry, { failed: 0, refused: 0, writtenAt: now })
        return [{ kind: 'login.failed', user, address, failed, refused } as const]
      })
    },
  }
}
