import type { AccessName } from '../domain/access-name.ts'
import { refuseField } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import type { NewUser, UserAccount } from './users.ts'

interface Imported extends AccessName {
  readonly directory?: AccessName & { readonly externalId: string | null }
}

/**
 * The directory that an imported user comes from, which is not asked about the user. `found`: who
 * has the name here. Throws INVALID_FIELDS, saying what to do: nobody is ever taken for another.
 */
export async function findImportedDirectory(
  trx: Queries,
  { name, directory }: Imported,
  found: UserAccount | undefined,
): Promise<NewUser['directory']> {
  if (directory === undefined) return undefined
  const here = await trx
    .selectFrom('directories')
    .select(['id', 'name'])
    .where('key', '=', directory.key)
    .executeTakeFirst()
  if (here === undefined) {
    refuseField(
      'directory',
      `The user "${name}" comes from the directory "${directory.name}", which is not here: add a directory of that name first, or take the user and the user's permissions out of the document.`,
    )
  }
  const { id } = here
  if (found !== undefined) {
    if (found.directoryId === id) return { id, externalId: found.externalId, confirmed: false }
    const whose = found.directoryId === null ? "the server's own users" : 'another directory'
    refuseField('userName', `The user "${found.name}" is here already, one of ${whose}.`)
  }
  const { externalId } = directory
  const other = await findByExternalId(trx, id, externalId)
  if (other !== undefined) {
    refuseField('externalId', `The directory's user is here already, as "${other.name}".`)
  }
  return { id, externalId, confirmed: false }
}

async function findByExternalId(trx: Queries, directoryId: number, externalId: string | null) {
  if (externalId === null) return undefined
  return await trx
    .selectFrom('users')
    .select('name')
    .where('directory_id', '=', directoryId)
    .where('external_id', '=', externalId)
    .executeTakeFirst()
}
