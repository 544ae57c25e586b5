import { mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buildServer, projectFolder } from '../support/build.ts'
import { runSuccessfully } from '../support/command.ts'
import {
  folderFiles,
  programFiles,
  trusted,
  writeDebian,
  writeFiles,
} from '../support/debian-image.ts'
import type { DockerEngine } from '../support/docker-engine.ts'

/**
 * Images under the names of those that cannot be pulled here, of this machine's own programs: what
 * the files for compose say is tried with them as it stands. Each keeps to what its original promises:
 * variables, folders, users, signals.
 */
export interface StandIns {
  readonly engine: DockerEngine
  /** For what they are made of. */
  readonly folder: string
}

const base = 'debian-here:1'

export async function importBase({ engine, folder }: StandIns): Promise<void> {
  const file = path.join(folder, 'base.tar')
  await writeDebian(file)
  await succeed(engine.run(['import', file, base], {}))
}

/** `entrepot`, by the end of the Dockerfile, of what this checkout has built. */
export async function buildEntrepot(of: StandIns): Promise<void> {
  await buildServer()
  const context = path.join(of.folder, 'entrepot')
  const app = path.join(context, 'app')
  await mkdir(path.join(app, 'bin'), { recursive: true })
  mkdirSync(path.join(context, 'empty-data'), { mode: 0o700 })
  await runSuccessfully(process.execPath, ['deploy/pick-files.mjs', app], { cwd: projectFolder })
  await runSuccessfully('cp', [process.execPath, path.join(app, 'bin/node')])
  const start = '#!/bin/sh\nexec /app/bin/node /app/dist/server/start.cjs "$@"\n'
  await writeFile(path.join(app, 'bin/entrepot'), start, { mode: 0o755 })
  const dockerfile = readFileSync(path.join(projectFolder, 'Dockerfile'), 'utf8')
  const end = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
  const lines = [`ARG BASE_IMAGE=${base}`, 'FROM scratch AS build', 'COPY . /', end]
  await build(of, { tag: 'entrepot', context, lines })
}

/** What official images have in /etc/nginx/nginx.conf, but for the folders of Debian's package. */
const nginxConfiguration = `
user www-data;
worker_processes 2;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
  include mime.types;
  access_log /dev/stdout;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `  ${name}_temp_path /var/cache/nginx/${name}_temp;`)
  .join('\n')}
  include /etc/nginx/conf.d/*.conf;
}
`

/** `nginx:stable`. */
export async function buildNginx(of: StandIns, programs: readonly string[]): Promise<void> {
  const context = path.join(of.folder, 'nginx')
  await mkdir(context)
  const files = [...programFiles(...programs), '/etc/nginx/mime.types', trusted]
  await writeFiles(path.join(context, 'files.tar'), files)
  await writeFile(path.join(context, 'nginx.conf'), nginxConfiguration)
  await writeFile(path.join(context, 'default.conf'), 'server { listen 80; }\n')
  const lines = [
    ...[`FROM ${base}`, 'ADD files.tar /', 'COPY nginx.conf /etc/nginx/nginx.conf'],
    ...['COPY default.conf /etc/nginx/conf.d/default.conf', 'RUN mkdir -p /var/cache/nginx'],
    ...['EXPOSE 80', 'STOPSIGNAL SIGQUIT', 'CMD ["nginx", "-g", "daemon off;"]'],
  ]
  await build(of, { tag: 'nginx:stable', context, lines })
}

/** What docker-entrypoint.sh does with the variables that are used. */
const postgresStart = `#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust \\
    --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 $POSTGRES_INITDB_ARGS
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses=''" start
  createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --wait --mode=fast stop
fi
exec postgres -c listen_addresses='*'
`

/** `postgres:17`, with the version that is here. */
export async function buildPostgres(of: StandIns, postgres: string): Promise<void> {
  const context = path.join(of.folder, 'postgres')
  await mkdir(context)
  const bin = path.dirname(realpathSync(postgres))
  const names = ['postgres', 'initdb', 'pg_ctl', 'pg_isready', 'createdb']
  const programs = names.map((name) => path.join(bin, name))
  const version = path.basename(path.dirname(bin))
  const libraries = folderFiles(path.join(bin, '../lib')).filter(
    (file) => !/llvmjit|bitcode/.test(file),
  )
  const shared = folderFiles(`/usr/share/postgresql/${version}`)
  const files = [...programFiles(...programs), ...libraries, ...shared, '/usr/share/zoneinfo/UTC']
  await writeFiles(path.join(context, 'files.tar'), files)
  await writeFile(path.join(context, 'start'), postgresStart, { mode: 0o755 })
  const own = ['/var/lib/postgresql/data', '/run/postgresql']
  const lines = [
    ...[`FROM ${base}`, 'ADD files.tar /', 'COPY start /usr/local/bin/start'],
    `RUN mkdir -p ${own.join(' ')} && chown postgres ${own.join(' ')} && chmod 3777 /run/postgresql && ln -sfn /run /var/run`,
    `ENV PATH=$PATH:${bin} PGDATA=/var/lib/postgresql/data`,
    ...['VOLUME /var/lib/postgresql/data', 'STOPSIGNAL SIGINT', 'ENTRYPOINT ["start"]'],
  ]
  await build(of, { tag: 'postgres:17', context, lines })
}

async function build(
  { engine }: StandIns,
  of: { readonly tag: string; readonly context: string; readonly lines: readonly string[] },
): Promise<void> {
  await writeFile(path.join(of.context, 'Dockerfile'), `${of.lines.join('\n')}\n`)
  await succeed(engine.run(['build', '--network', 'none', '--tag', of.tag, of.context], {}))
}

async function succeed(running: ReturnType<DockerEngine['run']>): Promise<void> {
  const { code, output } = await running
  if (code !== 0) throw new Error(`docker ended with ${code}:\n${output.slice(-3000)}`)
}
