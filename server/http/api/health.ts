import type { health as routes } from '../../../contract/health.ts'
import { checkNames, checks, runCheck } from '../../doctor/doctor.ts'
import { type ClientView, runSelfTest } from '../../doctor/self-test.ts'
import { refuseField } from '../../domain/errors.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { isoOf } from './place.ts'

export function healthHandlers({ selfTest, patient }: ApiDeps): Handlers<typeof routes> {
  return {
    async list() {
      return checks.map(({ name, looksAt }) => ({ name, looksAt }))
    },
    async check({ query }) {
      const name = checkNames.find((each) => each === query.name)
      if (name === undefined) {
        refuseField('name', `There is no such check, but ${checkNames.join(', ')}.`)
      }
      return { check: name, findings: [...(await runCheck(name, patient()))] }
    },
    async selfTest(_input, { caller }) {
      const { status, at, baseUrl, views, checks } = await runSelfTest(selfTest, caller.baseUrl)
      return { status, baseUrl, at: isoOf(at), views: views.map(viewOf), checks: [...checks] }
    },
  }
}

function viewOf({ from, url, status, challenge, realm, problem, certificate }: ClientView) {
  return {
    ...{ from, url, status, challenge, realm, problem },
    certificate: certificate && {
      ...{ subject: certificate.subject, issuer: certificate.issuer },
      ...{ names: [...certificate.names], isTrusted: certificate.isTrusted },
      validFrom: certificate.validFrom.toISOString(),
      validTo: certificate.validTo.toISOString(),
    },
  }
}
