import type { securityTransfer as routes } from '../../../contract/security-transfer.ts'
import { exportSecurity, importDocument } from '../../auth/security-transfer.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'

export function securityTransferHandlers({ db, passwords }: ApiDeps): Handlers<typeof routes> {
  return {
    export: (_input, { by }) => exportSecurity({ db, by }),
    async import({ query, body }, { by, admitAgain: permit }) {
      const { dryRun = false } = query
      const steps = await importDocument({ db, passwords, by, permit }, body, dryRun)
      return { dryRun, steps: steps.map((step) => ({ ...step, changes: [...step.changes] })) }
    },
  }
}
