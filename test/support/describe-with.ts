import { describe } from 'vitest'

/** Images in the cloud take their time on a busy machine. */
const clientTimeoutMs = process.env.ENTREPOT_TEST_STORE === undefined ? 60_000 : 600_000

/**
 * Tests that need outside programs, with time for them. `reasons`: for each program why it cannot
 * be used, or nothing; the first one stands in the name of what is skipped.
 */
export function describeWith(
  name: string,
  reasons: readonly string[],
  body: () => void,
  timeoutMs: number = clientTimeoutMs,
): void {
  const reason = reasons.find((text) => text !== '')
  const skipped = reason === undefined ? '' : ` (skipped: ${reason})`
  describe.skipIf(reason !== undefined)(`${name}${skipped}`, { timeout: timeoutMs }, body)
}
