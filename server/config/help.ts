import { findSetting, type SettingName, settingNames, variableOf } from './settings.ts'

/** The settings as `--help` lists them, wrapped at 100 columns; all of them unless some are named. */
export function formatSettingsHelp(names: readonly SettingName[] = settingNames): string {
  const blocks = names.map((name) => {
    const { sample, help } = findSetting(name)
    const head = `  --${name} ${sample}`
    return [head, ...wrap(`${help} Default: ${defaultOf(name)}.`, 8)].join('\n')
  })
  const config = '  --config FILE'
  const configHelp = 'The configuration file. Default: entrepot.yaml in the working folder.'
  return [...blocks, [config, ...wrap(configHelp, 8)].join('\n')].join('\n')
}

/** docs/settings.md. */
export function formatSettingsPage(): string {
  const sections = settingNames.map((name) => {
    const { help } = findSetting(name)
    const variable = variableOf(name)
    return [
      `## ${name}`,
      '',
      escapeHtml(help),
      '',
      '| flag | variable | from a file | in `entrepot.yaml` | default |',
      '|---|---|---|---|---|',
      `| \`--${name}\` | \`${variable}\` | \`${variable}_FILE\` | \`${name}:\` | ${escapeHtml(defaultOf(name))} |`,
      '',
    ].join('\n')
  })
  return [intro, ...sections].join('\n')
}

const intro = `# Settings

Entrepot reads its settings once, when it starts: flags win over environment variables, these win
over the configuration file, and that wins over the defaults. Every problem is reported at once,
with the flag, variable or file and line that it came from; the exit status is then 2.

- **File**: \`entrepot.yaml\` in the working folder, or the one that \`--config\` or
  \`ENTREPOT_CONFIG\` names. One \`setting: value\` a line, with the names below. A relative path in
  it starts from the file's folder.
- **Variables**: an empty one counts as absent. \`…_FILE\` names a file that holds the value, as
  Docker and Kubernetes hand out secrets; one line break at its end is dropped.
- **Secrets** belong into the file or into \`…_FILE\`: other users of the machine can see flags.
- A setting that nobody knows is a problem, in the file and among the variables that start with
  \`ENTREPOT_\` (except those that Kubernetes sets for a service named \`entrepot\`).
- **OpenTelemetry's variables** (\`OTEL_…\`, [traces.md](traces.md)) are read by other programs too: a value that means nothing
  here is ignored, and the log says so.

This page is printed from the program's own table; \`entrepot serve --help\` shows the same.
`

/** Markdown takes `<file>` for a tag. */
function escapeHtml(text: string): string {
  return text.replaceAll('<', '&lt;')
}

function defaultOf(name: SettingName): string {
  const { default: text, defaultText } = findSetting(name)
  return defaultText ?? text ?? 'none'
}

function wrap(text: string, indent: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 100)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(' '.repeat(indent) + word)
  }
  return lines
}
