import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { runSuccessfully } from './command.ts'

export interface Certificates {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/**
 * Makes an authority of its own in `folder` and, signed by it, a certificate for 127.0.0.1 that is good
 * for so many days; below 0 it has expired.
 */
export async function makeCertificates(folder: string, days = 2): Promise<Certificates> {
  const inside = (name: string) => path.join(folder, name)
  const openssl = (...args: readonly string[]) => runSuccessfully('openssl', args, { cwd: folder })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    ...[
      'req',
      '-x509',
      ...newKey,
      '-days',
      String(Math.max(2, days + 60)),
      '-subj',
      '/CN=Test authority',
    ],
    ...['-keyout', 'ca.key', '-out', 'ca.crt'],
  )
  await openssl('req', ...newKey, '-subj', '/CN=127.0.0.1', '-keyout', 'server.key', '-out', 'csr')
  await writeFile(inside('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  await openssl(
    ...['x509', '-req', '-in', 'csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', String(days), '-extfile', 'names', '-out', 'server.crt'],
  )
  return { caFile: inside('ca.crt'), certFile: inside('server.crt'), keyFile: inside('server.key') }
}
