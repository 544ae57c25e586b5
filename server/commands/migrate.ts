import type { UpgradePlan } from '../administration/upgrade.ts'
import { type Command, isOn } from './command.ts'

export const migrateCommand: Command = {
  words: 'migrate',
  operands: [],
  summary: "Bring the database's tables up to date, as the start of a server does.",
  options: {
    'dry-run': {
      type: 'boolean',
      help: 'Change nothing: say what would run, tried on a copy (SQLite).',
    },
  },
  settings: ['data-dir', 'database-url'],
  read: (typed) => {
    const dryRun = isOn(typed, 'dry-run')
    return async (config, { print }) => {
      const { planUpgrade, upgradeNow } = await import('../administration/upgrade.ts')
      print(dryRun ? formatPlan(await planUpgrade(config)) : await upgradeNow(config))
    }
  },
}

function formatPlan({ from, pending, tried }: UpgradePlan): string {
  if (pending.length === 0) return `The database is up to date, at ${from}: nothing would run.`
  const trial = tried
    ? 'They were tried on a copy, and went well.'
    : 'They were not tried: only SQLite has a copy to try them on.'
  const start = from === null ? 'The database is new' : `The database is at ${from}`
  const names = pending.map((name) => `  ${name}`)
  return [`${start}. The next start would run:`, ...names, trial].join('\n')
}
