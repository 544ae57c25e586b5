import { deflateSync, gzipSync } from 'node:zlib'
import { type BuildStep, buildImage } from './built-image.ts'
import {
  artifact,
  descriptor,
  type Image,
  index,
  type ManifestContent,
  seededBytes,
} from './content.ts'
import { formatTarHeader } from './tar.ts'

/** Images with everything that the pages show of one. */
export interface DemoImages {
  /** Of team/app: 1.4 is an index of two, 1.3 its elder brother. */
  readonly older: Image
  readonly newer: Image
  readonly arm: Image
  readonly index: ManifestContent
  readonly signature: Image
  readonly sbom: Image
  /** Its second layer claims more than it has. */
  readonly hostile: Image
}

const osRelease = `PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
ID=debian
VERSION_ID="13"
HOME_URL="https://www.debian.org/"
`
const appBefore = `import json
import os

# Where settings are.
SETTINGS = os.environ.get("APP_SETTINGS", "/srv/config.json")


def main():
    with open(SETTINGS) as file:
        settings = json.load(file)
    print("listening on", settings["port"])


if __name__ == "__main__":
    main()
`
const appAfter = appBefore.replace('"listening on"', '"app 1.4 listens on"')

const base: BuildStep = {
  command: '/bin/sh -c #(nop) ADD file:5d1e0f in / ',
  files: {
    'etc/os-release': osRelease,
    'etc/motd': 'welcome\n',
    'bin/sh': Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01\0'), seededBytes('sh', 90_000)]),
    'usr/share/doc/readme.txt': 'Read me.\n'.repeat(40),
    'usr/lib/libc.so.6': Buffer.concat([Buffer.from('\x7fELF\0'), seededBytes('libc', 400_000)]),
    'var/lib/dpkg/status': 'Package: libc6\nStatus: install ok installed\n\n'.repeat(200),
  },
}

function stepsOf(version: string, app: string, more: BuildStep['files']): readonly BuildStep[] {
  return [
    base,
    { command: '/bin/sh -c #(nop)  CMD ["bash"]' },
    {
      command:
        'RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends python3 ca-certificates && rm -rf /var/lib/apt/lists/* # buildkit',
      files: {
        'usr/bin/python3': Buffer.concat([Buffer.from('\x7fELF\0'), seededBytes('py', 150_000)]),
      },
    },
    { command: 'WORKDIR /srv' },
    {
      command: 'COPY . /srv # buildkit',
      files: {
        'srv/app.py': app,
        'srv/config.json': `${JSON.stringify({ port: 8080, version }, null, 2)}\n`,
        'srv/logo.png': logo(),
        'srv/empty': '',
        ...more,
      },
    },
    { command: `ENV APP_VERSION=${version}` },
    { command: 'ENTRYPOINT ["python3" "/srv/app.py"]' },
  ]
}

function configOf(version: string) {
  return {
    Env: ['PATH=/usr/local/bin:/usr/bin:/bin', `APP_VERSION=${version}`],
    Entrypoint: ['python3', '/srv/app.py'],
    Cmd: ['--serve'],
    ExposedPorts: { '8080/tcp': {} },
    Volumes: { '/data': {} },
    User: 'app:app',
    WorkingDir: '/srv',
    Labels: {
      'org.opencontainers.image.source': 'https://git.example.com/team/app',
      'org.opencontainers.image.version': version,
    },
  }
}

export async function makeDemoImages(): Promise<DemoImages> {
  const [older, newer, arm, hostile] = await Promise.all([
    buildImage(stepsOf('1.3', appBefore, { 'srv/old.txt': 'old\n' }), { config: configOf('1.3') }),
    buildImage(
      [
        ...stepsOf('1.4', appAfter, { 'srv/run.sh': '#!/bin/sh\nexec python3 /srv/app.py "$@"\n' }),
        { command: 'RUN rm /etc/motd # buildkit', files: { 'etc/.wh.motd': '' } },
      ],
      { config: configOf('1.4') },
    ),
    buildImage(stepsOf('1.4', appAfter, {}), { config: configOf('1.4'), architecture: 'arm64' }),
    buildImage([base, { command: 'COPY evil /', bytes: brokenLayer() }]),
  ])
  const platform = (architecture: string, variant?: string) => ({
    platform: { os: 'linux', architecture, ...(variant && { variant }) },
  })
  const both = index([
    descriptor(newer.manifest, undefined, platform('amd64')),
    descriptor(arm.manifest, undefined, platform('arm64', 'v8')),
  ])
  const subject = descriptor(both)
  return {
    ...{ older, newer, arm, hostile, index: both },
    signature: artifact('signature', 'application/vnd.dev.cosign.artifact.sig.v1+json', {
      subject,
      annotations: { 'org.opencontainers.image.created': '2026-03-01T10:05:00Z' },
    }),
    sbom: artifact('sbom', 'application/spdx+json', { subject }),
  }
}

/** An archive whose file is cut off. */
function brokenLayer(): Buffer {
  return gzipSync(Buffer.concat([formatTarHeader('srv/huge', 1 << 30), Buffer.alloc(2048)]))
}

/** A picture: 48 by 48, with a ring in it. */
function logo(): Buffer {
  const size = 48
  const rows = Array.from({ length: size }, (_, y) => {
    const row = Array.from({ length: size }, (_, x) => {
      const distance = Math.hypot(x - size / 2, y - size / 2)
      return distance < 20 && distance > 12 ? [27, 88, 112, 255] : [0, 0, 0, 0]
    })
    return Buffer.from([0, ...row.flat()])
  })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 6, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** PNG, 5.3. */
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
