import type {
  directories as routes,
  DirectoryInfo as Shown,
} from '../../../contract/directories.ts'
import {
  changeDirectory,
  createDirectory,
  type DirectoryInfo,
  getDirectory,
  listDirectories,
  removeDirectory,
  reorderDirectories,
} from '../../auth/directories/directories.ts'
import {
  type DirectoryTrial,
  testLdapDirectory,
  testOidcDirectory,
} from '../../auth/directories/directory-test.ts'
import { secretOwner } from '../../auth/directories/enabled-directories.ts'
import { listDirectoryRecords } from '../../db/directories.ts'
import { refuseField } from '../../domain/errors.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'

export function directoryHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db } = deps
  const { encryption, oidc } = deps.directories
  return {
    list: async () => (await listDirectories({ db })).map(show),
    async add({ body }, { by }) {
      const { secret, enabled = true, ...rest } = body
      const given = secret === undefined ? {} : { secret }
      return show(await createDirectory({ db, encryption, by }, { ...rest, enabled, ...given }))
    },
    async update({ query, body }, { by }) {
      const before = await getDirectory({ db }, query.directory)
      const { name, kind, enabled, settings } = before
      return show(
        await changeDirectory({ db, encryption, by }, before.name, {
          kind,
          name: body.name ?? name,
          enabled: body.enabled ?? enabled,
          settings: body.settings ?? settings,
          ...(body.secret !== undefined && { secret: body.secret }),
        }),
      )
    },
    async order({ body }, { by }) {
      await reorderDirectories({ db, by }, body.directories)
      return (await listDirectories({ db })).map(show)
    },
    async delete({ query }, { by }) {
      const { directory, withUsers = false } = query
      await removeDirectory({ db, by }, directory, { withUsers })
      return {}
    },
    async test({ body }) {
      const { steps, groups, user, ...rest } = await tryOut(deps, body)
      return {
        ...rest,
        steps: [...steps],
        groups: [...groups],
        user: user && { ...user, groups: [...user.groups] },
      }
    },
    providers: async () =>
      (await oidc.list()).map(({ key, name }) => ({ name, loginUrl: `/auth/oidc/${key}/start` })),
  }
}

interface Trial {
  readonly directory: string
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly group?: string | undefined
}

async function tryOut({ db, directories }: ApiDeps, trial: Trial) {
  const { key, ...found } = await getDirectory({ db }, trial.directory)
  const record = (await listDirectoryRecords(db.read)).find((each) => each.key === key)
  const secret =
    record?.secret == null
      ? null
      : directories.encryption.decrypt(record.secret, secretOwner(record))
  if (found.kind === 'oidc') {
    return await testOidcDirectory({ settings: found.settings, clientSecret: secret })
  }
  return await testLdapDirectory({ settings: found.settings, bindPassword: secret }, trialOf(trial))
}

function trialOf({ user, password, group }: Trial): DirectoryTrial {
  if (group !== undefined) return { loadGroup: group }
  if (user === undefined) refuseField('user', 'Name a user or a group to look for.')
  return password === undefined ? { loadUser: user } : { logIn: { user, password } }
}

function show({ name, kind, enabled, hasSecret, settings }: DirectoryInfo): Shown {
  return { name, kind, enabled, hasSecret, settings: { ...settings } }
}
