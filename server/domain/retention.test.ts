import { describe, expect, test } from 'vitest'
import { compileRange } from '../registry/version-range.ts'
import { judgeRepository, listSizeCandidates } from './retention.ts'
import type { RetentionImage } from './retention-images.ts'
import type { RetentionCriteria } from './retention-rule.ts'
import { listRuleProblems } from './retention-rule.ts'

const dayMs = 24 * 60 * 60 * 1000
const nowMs = 1000 * dayMs

const nothing: RetentionCriteria = {
  ...{ deletes: 'tags', cached: false, repositories: [], keepRepositories: [] },
  ...{ tags: [], keepTags: [], versions: null, keepVersions: null },
  ...{ pushedBeforeDays: null, notPulledForDays: null, fewerPullsThan: null },
  ...{ keepNewest: null, size: null },
}

type Changes = Omit<Partial<RetentionImage>, 'tags'> & {
  readonly tags?: readonly string[]
  readonly daysAgo?: number
}

function image(digest: string, { tags = [], daysAgo = 100, ...changes }: Changes = {}) {
  const pushedAt = nowMs - daysAgo * dayMs
  const made: RetentionImage = {
    ...{ digest, pushedAt, sizeBytes: 10, cached: false, pulls: 0, lastPulledAt: null },
    ...{ promised: false, orphaned: false, children: [], subject: null },
    ...changes,
    tags: tags.map((name) => ({ name, pushedAt })),
  }
  return made
}

interface Outcome {
  readonly going: readonly string[]
  readonly kept: readonly string[]
}

function judge(
  images: readonly RetentionImage[],
  rules: readonly Partial<RetentionCriteria>[],
  { name = 'app', pullsCountedSince = 0, picked = [] as string[] } = {},
): Outcome {
  const { going, kept } = judgeRepository({
    rules: rules.map((rule, at) => ({ ...nothing, ...rule, id: at + 1 })),
    repository: { name, images },
    ...{ compileRange, nowMs, pullsCountedSince },
    isPicked: (_rule, digest) => picked.includes(digest),
  })
  const shown = (each: { tag: string | null; digest: string }) => each.tag ?? each.digest
  return {
    going: going.map((each) => `${each.follows === null ? '' : '+'}${shown(each)}`),
    kept: kept.map((each) => `${shown(each)}: ${each.reason}`),
  }
}

const signed = `sha256:${'a'.repeat(64)}`
const signature = `sha256-${'a'.repeat(64)}`
const versions = ['1.0.0', '1.2.0', 'v1.3.0', '2.0.0-rc.1', '2.0.0', '1.2', 'latest'].map(
  (tag, at) => image(`d${at}`, { tags: [tag] }),
)

type Row = readonly [
  what: string,
  images: readonly RetentionImage[],
  rules: readonly Partial<RetentionCriteria>[],
  going: readonly string[],
  kept?: readonly string[],
]

const rows: readonly Row[] = [
  [
    'a tag by its pattern, and its image with it',
    [image('d', { tags: ['pr-1'] })],
    [{ tags: ['pr-*'] }],
    ['pr-1', 'd'],
  ],
  [
    'one of two tags: the image stays',
    [image('d', { tags: ['pr-1', 'v1'] })],
    [{ tags: ['pr-*'] }],
    ['pr-1'],
  ],
  [
    'its tags by two rules',
    [image('d', { tags: ['a', 'b'] })],
    [{ tags: ['a'] }, { tags: ['b'] }],
    ['a', 'b', 'd'],
  ],
  [
    'not what a keep-pattern names',
    [image('d', { tags: ['a'] }), image('e', { tags: ['latest'] })],
    [{ tags: ['*'], keepTags: ['lat*'] }],
    ['a', 'd'],
    ['latest: the tag is lat*'],
  ],
  ['no untagged image, by a rule for tags', [image('d')], [{ tags: ['*'] }], []],
  [
    'an untagged image',
    [image('d'), image('e', { tags: ['a'] })],
    [{ deletes: 'untagged' }],
    ['d'],
  ],
  [
    'no orphan: that is garbage already',
    [image('d', { orphaned: true })],
    [{ deletes: 'untagged' }],
    [],
  ],
  [
    'nothing that was promised a moment ago',
    [image('d', { promised: true }), image('e', { tags: ['a'], promised: true })],
    [{ deletes: 'untagged' }, { tags: ['*'] }],
    [],
    ['d: pushed or asked for a moment ago', 'a: pushed or asked for a moment ago'],
  ],
  [
    'no child of an index that stays',
    [image('i', { tags: ['v1'], children: ['c'] }), image('c')],
    [{ deletes: 'untagged' }],
    [],
  ],
  [
    'the children with their index',
    [image('i', { tags: ['v1'], children: ['c'] }), image('c')],
    [{ tags: ['*'] }],
    ['v1', 'i', '+c'],
  ],
  [
    'no child that another index or a tag holds',
    [
      image('i', { tags: ['v1'], children: ['c', 'e', 'f'] }),
      image('j', { tags: ['keep'], children: ['c'] }),
      ...[image('c'), image('e', { tags: ['mine'] }), image('f')],
    ],
    [{ tags: ['v*'] }],
    ['v1', 'i', '+f'],
  ],
  [
    'the tag of a child, which stays for its index',
    [image('i', { tags: ['v1'], children: ['c'] }), image('c', { tags: ['arm'] })],
    [{ tags: ['arm'] }],
    ['arm'],
  ],
  [
    'a child with its index, whatever comes first',
    [image('c', { tags: ['arm'] }), image('i', { tags: ['v1'], children: ['c'] })],
    [{ tags: ['*'] }],
    ['arm', 'v1', 'i', '+c'],
  ],
  [
    'no referrer of an image that stays',
    [image('d', { tags: ['v1'] }), image('r', { subject: 'd' })],
    [{ deletes: 'untagged' }],
    [],
  ],
  [
    'referrers, and theirs, with their image',
    [image('d', { tags: ['v1'] }), image('r', { subject: 'd' }), image('s', { subject: 'r' })],
    [{ tags: ['*'] }],
    ['v1', 'd', '+r', '+s'],
  ],
  [
    'a referrer whose subject is not here',
    [image('r', { subject: 'none' })],
    [{ deletes: 'untagged' }],
    ['r'],
  ],
  [
    'no cosign tag of an image that stays, however old',
    [image(signed, { tags: ['keep'] }), image('s', { tags: [`${signature}.sig`] })],
    [{ tags: ['*'], keepTags: ['keep'], pushedBeforeDays: 1 }],
    [],
    ['keep: the tag is keep'],
  ],
  [
    'cosign tags with their image',
    [
      image(signed, { tags: ['v1'] }),
      ...['.sig', '.att', '.sbom', ''].map((suffix) =>
        image(`s${suffix}`, { tags: [signature + suffix] }),
      ),
    ],
    [{ tags: ['v*'] }],
    [
      ...[
        'v1',
        signed,
        `+${signature}.sig`,
        `+${signature}.att`,
        `+${signature}.sbom`,
        `+${signature}`,
      ],
      ...['+s.sig', '+s.att', '+s.sbom', '+s'],
    ],
  ],
  [
    'no cosign tag that a keep-pattern names, even with its image',
    [image(signed, { tags: ['v1'] }), image('s', { tags: [`${signature}.sig`] })],
    [{ tags: ['*'], keepTags: ['*.sig'] }],
    ['v1', signed],
  ],
  [
    'a cosign tag of an image that is not here, as any other tag',
    [image('s', { tags: [`${signature}.sig`] })],
    [{ tags: ['*.sig'] }],
    [`${signature}.sig`, 's'],
  ],
  [
    'all but the newest, by push',
    [1, 2, 3, 4].map((daysAgo) => image(`d${daysAgo}`, { tags: [`t${daysAgo}`], daysAgo })),
    [{ keepNewest: { count: 2, by: 'pushed' } }],
    ['t3', 't4', 'd3', 'd4'],
    ['t1: one of the newest 2', 't2: one of the newest 2'],
  ],
  [
    'all but the newest version; what is none is not counted and stays',
    versions,
    [{ keepNewest: { count: 2, by: 'version' } }],
    ['1.0.0', '1.2.0', 'v1.3.0', 'd0', 'd1', 'd2'],
    ['2.0.0-rc.1: one of the newest 2', '2.0.0: one of the newest 2'],
  ],
  ['versions of a range', versions, [{ versions: '>=1.2 <2' }], ['1.2.0', 'v1.3.0', 'd1', 'd2']],
  [
    'not those of a range that keeps, prereleases of it too',
    versions,
    [{ tags: ['*.*.*'], keepVersions: '>=2.0.0-0' }],
    ['1.0.0', '1.2.0', 'v1.3.0', 'd0', 'd1', 'd2'],
    ['2.0.0-rc.1: the version is >=2.0.0-0', '2.0.0: the version is >=2.0.0-0'],
  ],
  [
    'what was pushed long ago',
    [image('d', { tags: ['a'], daysAgo: 31 }), image('e', { tags: ['b'], daysAgo: 30 })],
    [{ pushedBeforeDays: 30 }],
    ['a', 'd'],
  ],
  [
    'what was not pulled for long, and seldom',
    [
      image('never', { tags: ['a'] }),
      image('new', { tags: ['b'], daysAgo: 3 }),
      image('often', { tags: ['c'], pulls: 9, lastPulledAt: nowMs - 50 * dayMs }),
      image('lately', { tags: ['d'], pulls: 1, lastPulledAt: nowMs - 2 * dayMs }),
      image('once', { tags: ['e'], pulls: 1, lastPulledAt: nowMs - 50 * dayMs }),
    ],
    [{ notPulledForDays: 30, fewerPullsThan: 5 }],
    ['a', 'e', 'never', 'once'],
  ],
  [
    'no index of which a child was pulled lately',
    [
      image('i', { tags: ['v1'], children: ['c'] }),
      image('c', { pulls: 3, lastPulledAt: nowMs - dayMs }),
    ],
    [{ notPulledForDays: 30 }],
    [],
  ],
  [
    'what came through a connector',
    [image('d', { tags: ['a'], cached: true }), image('e', { tags: ['b'] })],
    [{ cached: true }],
    ['a', 'd'],
  ],
]

describe('retention lets go of', () => {
  test.each(rows.map((row) => [row[0], row] as const))('%s', (_what, row) => {
    const [, images, rules, going, kept = []] = row
    const outcome = judge(images, rules)
    expect(outcome.going).toEqual(going)
    expect(outcome.kept).toEqual(kept)
  })

  test('repositories that a pattern names, but for those that are kept', () => {
    const images = [image('d', { tags: ['a'] })]
    const rule = { repositories: ['team/**'], keepRepositories: ['team/prod/*'] }
    const outcome = (name: string) => judge(images, [rule], { name })
    expect(outcome('team/app').going).toEqual(['a', 'd'])
    expect(outcome('other/app').going).toEqual([])
    expect(outcome('team/prod/app')).toEqual({
      going: [],
      kept: ['a: the repository is team/prod/*'],
    })
  })

  test('nothing as unused while pulls are not counted for so long', () => {
    const images = [image('d', { tags: ['a'] })]
    const rules = [{ notPulledForDays: 30 }]
    const since = (days: number) => ({ pullsCountedSince: nowMs - days * dayMs })
    expect(judge(images, rules, since(29)).going).toEqual([])
    expect(judge(images, rules, since(31)).going).toEqual(['a', 'd'])
  })

  test('by size what was picked, and only images that really go', () => {
    const images = [
      image('old', { tags: ['1.0.0', '1.0.0-rc.1'] }),
      image('pre', { tags: ['2.0.0-rc.1'], daysAgo: 5 }),
      image('cached', { tags: ['x'], daysAgo: 1, cached: true }),
      image('half', { tags: ['y', 'keep'] }),
      image('child', { tags: ['arm'] }),
      image('index', { tags: ['keep-2'], children: ['child'] }),
    ]
    const rule = {
      ...{ ...nothing, id: 1, tags: ['*'], keepTags: ['keep*'] },
      size: { overBytes: 5, of: 'matching' as const },
    }
    const candidates = listSizeCandidates(
      {
        ...{ rules: [rule], repository: { name: 'app', images } },
        ...{ compileRange, nowMs, pullsCountedSince: 0, isPicked: () => false },
      },
      rule,
    )
    expect(candidates.map(({ digest, rank }) => [digest, rank])).toEqual([
      ...[
        ['old', 2],
        ['pre', 1],
        ['cached', 0],
      ],
    ])
    const picked = ['pre', 'half', 'child']
    expect(judge(images, [rule], { picked }).going).toEqual(['2.0.0-rc.1', 'pre'])
  })

  test('twenty thousand images as it does two', () => {
    const images = Array.from({ length: 20_000 }, (_, at) =>
      image(`d${at}`, { tags: [`1.${at}.0`], daysAgo: at / 1000 }),
    )
    const rule = { tags: ['1.*'], keepNewest: { count: 100, by: 'version' as const } }
    expect(judge(images, [rule]).going.length).toBe(2 * 19_900)
  })
})

describe('a rule is refused that', () => {
  const refused: readonly (readonly [
    what: string,
    Partial<RetentionCriteria>,
    fields: string[],
  ])[] = [
    ['says nothing', {}, ['deletes']],
    ['only keeps', { keepTags: ['latest'] }, ['deletes']],
    ['counts pulls of any time', { tags: ['*'], fewerPullsThan: 3 }, ['fewerPullsThan']],
    ['has no range', { versions: 'new ones' }, ['versions']],
    ['has a pattern of no tag', { tags: ['a b', '', '**'] }, ['tags', 'tags', 'tags']],
    ['has a pattern of no repository', { repositories: ['/x'] }, ['repositories']],
    [
      'speaks of tags where there are none',
      { deletes: 'untagged', tags: ['a'], keepNewest: { count: 1, by: 'version' } },
      ['tags', 'keepNewest'],
    ],
  ]
  test.each(refused)('%s', (_what, rule, fields) => {
    const problems = listRuleProblems({ ...nothing, ...rule }, compileRange)
    expect(problems.map(({ field }) => field)).toEqual(fields)
  })

  test.each([
    { deletes: 'untagged' as const },
    { repositories: ['tmp/**'] },
    { tags: ['pr-*'], keepTags: ['latest'], notPulledForDays: 30, fewerPullsThan: 2 },
  ])('not: %j', (rule) => {
    expect(listRuleProblems({ ...nothing, ...rule }, compileRange)).toEqual([])
  })
})
