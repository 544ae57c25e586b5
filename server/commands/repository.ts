import { administer, administrationSettings } from './administration.ts'
import { type Command, quotaOf, textOf, usageError } from './command.ts'

const set: Command = {
  words: 'repository set',
  operands: ['FEED/REPOSITORY'],
  summary: 'Change a repository.',
  options: {
    quota: {
      type: 'string',
      sample: 'SIZE|none',
      help: 'How much there may be in it, such as 5GB; none: what the feed says of its repositories.',
    },
  },
  settings: administrationSettings,
  read: (typed) => {
    const [, feed, repository] = /^([^/]+)\/(.+)$/.exec(typed.operands[0] ?? '') ?? []
    const quota = textOf(typed, 'quota')
    if (feed === undefined || repository === undefined) {
      throw usageError(`"${typed.operands[0]}" names no repository: write main/team/app.`)
    }
    if (quota === undefined) throw usageError('Nothing to change was given.')
    const quotaBytes = quotaOf('quota', quota)
    return administer(async ({ repositories }, { print }) => {
      await repositories.set({ feed, repository }, { quotaBytes })
      print(`Changed the repository ${feed}/${repository}.`)
    })
  },
}

export const repositoryCommands: readonly Command[] = [set]
