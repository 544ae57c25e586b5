import type { Authenticator } from '../auth/authenticate.ts'
import type { Statement } from '../db/database.ts'
import type { JobName } from '../jobs/job-kind.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { Log } from '../log.ts'
import type { UpstreamObserver } from '../registry/connectors/upstream.ts'
import type { Traces } from '../traces.ts'

/** The same log, its lines with the ids of the span in which they were written. */
export function traceLog(plain: Log, traces: Traces): Log {
  return {
    debug: (fields, message) => plain.debug({ ...traces.ids(), ...fields }, message),
    info: (fields, message) => plain.info({ ...traces.ids(), ...fields }, message),
    warn: (fields, message) => plain.warn({ ...traces.ids(), ...fields }, message),
    error: (fields, message) => plain.error({ ...traces.ids(), ...fields }, message),
    child: (fields) => traceLog(plain.child(fields), traces),
  }
}

/** Passwords are hashed and directories asked here: it may be what a request waits for. */
export function traceAuthenticator(authenticator: Authenticator, traces: Traces): Authenticator {
  const span = { name: 'authenticate' }
  return {
    authenticate: (...of) => traces.child(span, () => authenticator.authenticate(...of)),
    logIn: (...of) => traces.child(span, () => authenticator.logIn(...of)),
    authenticateKey: (...of) => traces.child(span, () => authenticator.authenticateKey(...of)),
    authenticateRefreshToken: (...of) =>
      traces.child(span, () => authenticator.authenticateRefreshToken(...of)),
    renew: (identity) => authenticator.renew(identity),
  }
}

/** Other registries are told nothing of a trace: whose client asks is no business of theirs. */
export function traceUpstream(observer: UpstreamObserver, traces: Traces): UpstreamObserver {
  return {
    observeUpstream(question) {
      observer.observeUpstream(question)
      const { connector, operation, outcome, seconds, host } = question
      traces.past({
        name: `connector ${operation}`,
        seconds,
        isError: outcome !== 'ok' && outcome !== 'unknown',
        attributes: {
          'server.address': host,
          'entrepot.connector': connector,
          'entrepot.connector.operation': operation,
          'entrepot.connector.outcome': outcome,
        },
      })
    },
    addUpstreamBytes: (connector, bytes) => observer.addUpstreamBytes(connector, bytes),
    countThrough: (connector, result) => observer.countThrough(connector, result),
  }
}

/** What is asked of PostgreSQL, which may be far away. */
export function traceStatements(traces: Traces) {
  return ({ summary, seconds, isError }: Statement) => {
    const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': summary }
    traces.past({ name: `statement ${summary}`, attributes, seconds, isError })
  }
}

export type WorkTable = Readonly<Record<JobName, JobWork>>

/** Each run is a trace of its own, whoever asked for it. */
export function traceJobs(work: WorkTable, traces: Traces): WorkTable {
  const traced = Object.entries(work).map(([name, run]): [string, JobWork] => [
    name,
    (record, report) => {
      const attributes = {
        'entrepot.job': name,
        'entrepot.run': record.id,
        ...(record.feedName !== null && { 'entrepot.feed': record.feedName }),
      }
      return traces.root({ name: `job ${name}`, attributes }, () => run(record, report))
    },
  ])
  return Object.fromEntries(traced) as WorkTable
}
