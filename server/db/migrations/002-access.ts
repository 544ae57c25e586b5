import { type Kysely, type Migration, sql } from 'kysely'
import { type Words, wordsOf } from './words.ts'

/** Groups, tasks, permissions, directories, sessions, and what keys and the audit need beyond that. */
export function access(dialect: 'sqlite' | 'postgres'): Migration {
  const words = wordsOf(dialect)
  return {
    up: async (db: Kysely<unknown>) => {
      const statements = [
        ...feedGroupTables(words),
        ...directoryTables(words),
        ...groupTables(words),
        ...permissionTables(words),
        ...keyTables(words),
        ...sessionTables(words),
        ...auditTables(words),
      ]
      for (const statement of statements) {
        await sql.raw(statement).execute(db)
      }
    },
  }
}

function feedGroupTables({ id, integer, text, table }: Words): string[] {
  return [
    `create table feed_groups (
      id ${id},
      name ${text} not null,
      "key" ${text} not null unique,
      created_at ${integer} not null
    ) ${table}`,
    `alter table feeds add column feed_group_id ${integer} references feed_groups (id)`,
    'create index feeds_feed_group on feeds (feed_group_id)',
  ]
}

function directoryTables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table directories (
      id ${id},
      kind ${text} not null check (kind in ('ldap', 'oidc')),
      name ${text} not null,
      "key" ${text} not null unique,
      position ${integer} not null,
      enabled ${integer} not null check (enabled in (0, 1)),
      settings ${text} not null,
      secret ${text},
      created_at ${integer} not null
    ) ${table}`,
    `alter table users add column directory_id ${integer} references directories (id)`,
    `alter table users add column external_id ${text}`,
    `alter table users add column confirmed_at ${integer}`,
    `alter table users add column last_login_at ${integer}`,
    `create unique index users_external on users (directory_id, external_id)`,
    `create table directory_tokens (
      user_id ${integer} not null primary key references users (id) on delete cascade,
      token ${text} not null
    ) ${keyed}`,
  ]
}

function groupTables({ id, integer, text, table, keyed }: Words): string[] {
  return [
    `create table groups (
      id ${id},
      name ${text} not null,
      "key" ${text} not null unique,
      description ${text} not null,
      created_at ${integer} not null
    ) ${table}`,
    `create table group_members (
      group_id ${integer} not null references groups (id) on delete cascade,
      user_id ${integer} not null references users (id) on delete cascade,
      source ${text} not null check (source in ('manual', 'directory')),
      primary key (group_id, user_id, source)
    ) ${keyed}`,
    'create index group_members_user on group_members (user_id)',
  ]
}

function permissionTables({ id, integer, text, table }: Words): string[] {
  return [
    `create table tasks (
      id ${id},
      name ${text} not null,
      "key" ${text} not null unique,
      description ${text} not null,
      attributes ${text} not null,
      built_in ${integer} not null check (built_in in (0, 1)),
      created_at ${integer} not null
    ) ${table}`,
    `create table permissions (
      id ${id},
      principal_kind ${text} not null
        check (principal_kind in ('user', 'group', 'everyone', 'authenticated', 'anonymous')),
      user_id ${integer} references users (id) on delete cascade,
      group_id ${integer} references groups (id) on delete cascade,
      task_id ${integer} not null references tasks (id),
      feed_group_id ${integer} references feed_groups (id) on delete cascade,
      feed_id ${integer} references feeds (id) on delete cascade,
      repositories ${text},
      deny ${integer} not null check (deny in (0, 1)),
      created_at ${integer} not null,
      created_by ${text} not null,
      check ((principal_kind = 'user') = (user_id is not null)),
      check ((principal_kind = 'group') = (group_id is not null)),
      check (feed_id is null or feed_group_id is null),
      check (repositories is null or feed_id is not null)
    ) ${table}`,
    'create index permissions_user on permissions (user_id)',
    'create index permissions_group on permissions (group_id)',
    'create index permissions_task on permissions (task_id)',
    'create index permissions_feed on permissions (feed_id)',
    'create index permissions_feed_group on permissions (feed_group_id)',
    ...builtInTasks.map(
      ({ name, description, attributes }) =>
        `insert into tasks (name, "key", description, attributes, built_in, created_at)
         values ('${name}', '${name.toLowerCase()}', '${description}',
                 '${JSON.stringify(attributes)}', 1, now_ms())`,
    ),
    // Who was an administrator is one by a rule from now on.
    `insert into permissions (principal_kind, user_id, task_id, deny, created_at, created_by)
     select 'user', users.id, tasks.id, 0, now_ms(), 'Entrepot'
     from users, tasks where users.administrator = 1 and tasks."key" = 'administer'`,
    'alter table users drop column administrator',
  ]
}

const viewAndDownload = ['Feeds_ViewFeed', 'Feeds_DownloadPackage']

/** As the product has them; its attributes for other kinds of packages are left out. */
const builtInTasks = [
  {
    name: 'Administer',
    description: 'Everything, the settings of the server and its storage included.',
    attributes: ['Admin_ConfigureProGet'],
  },
  {
    name: 'Manage Feed',
    description: 'Everything inside a registry, its settings included.',
    attributes: [
      ...viewAndDownload,
      'Feeds_DeletePackage',
      'Feeds_AddPackage',
      'Feeds_PullPackage',
      'Admin_ManageConnectors',
      'Admin_ManageFeed',
      'Feeds_OverwritePackage',
      'Feeds_AcceptPackagePromotions',
      'Feeds_UnlistPackage',
    ],
  },
  {
    name: 'Promote Packages',
    description: 'Copy images into a registry from another one.',
    attributes: [...viewAndDownload, 'Feeds_AddPackage', 'Feeds_AcceptPackagePromotions'],
  },
  {
    name: 'Publish Packages',
    description: 'Push images.',
    attributes: [...viewAndDownload, 'Feeds_AddPackage', 'Feeds_PullPackage'],
  },
  {
    name: 'View & Download Packages',
    description: 'See a registry and pull its images.',
    attributes: viewAndDownload,
  },
]

function keyTables({ id, integer, text, table }: Words): string[] {
  return [
    `alter table api_keys add column user_id ${integer} references users (id) on delete cascade`,
    `alter table api_keys add column feed_group_id ${integer} references feed_groups (id) on delete cascade`,
    `alter table api_keys add column repositories ${text}`,
    `alter table api_keys add column second_secret_hash ${text}`,
    `alter table api_keys add column second_expires_at ${integer}`,
    `alter table api_keys add column logging ${text} not null default 'none'`,
    `alter table api_keys add column last_used_at ${integer}`,
    `alter table api_keys add column last_used_address ${text}`,
    `alter table api_keys add column created_by ${text} not null default ''`,
    // Revoked keys keep their row; one that was switched off may come back.
    `alter table api_keys add column enabled ${integer} not null default 1`,
    'create index api_keys_user on api_keys (user_id)',
    'create index api_keys_feed_group on api_keys (feed_group_id)',
    `create unique index api_keys_second_secret on api_keys (second_secret_hash)
     where second_secret_hash is not null`,
    `create table api_key_requests (
      id ${id},
      key_id ${integer} not null references api_keys (id) on delete cascade,
      at ${integer} not null,
      address ${text} not null,
      method ${text} not null,
      path ${text} not null,
      status ${integer} not null
    ) ${table}`,
    'create index api_key_requests_key on api_key_requests (key_id, id)',
    'create index api_key_requests_at on api_key_requests (at)',
  ]
}

function sessionTables({ id, integer, text, table }: Words): string[] {
  return [
    `create table sessions (
      id ${id},
      secret_hash ${text} not null unique,
      user_id ${integer} not null references users (id) on delete cascade,
      credential_version ${integer} not null,
      address ${text} not null,
      user_agent ${text} not null,
      created_at ${integer} not null,
      last_used_at ${integer} not null,
      expires_at ${integer} not null
    ) ${table}`,
    'create index sessions_user on sessions (user_id)',
    'create index sessions_expires on sessions (expires_at)',
  ]
}

function auditTables({ text }: Words): string[] {
  return [
    `alter table events add column address ${text}`,
    'create index events_at on events (at)',
    'create index events_kind on events (kind, id)',
    'create index events_by on events ("by", id)',
    'create index events_feed on events (feed_id, id)',
  ]
}
