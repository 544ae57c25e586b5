import { spawnSync } from 'node:child_process'
import { projectFolder } from './build.ts'

// `long-run.ts <test file> --cuts 500 --seed 7`: runs one test file with ENTREPOT_TEST_CUTS=500 and
// ENTREPOT_TEST_SEED=7, for runs that take longer than the everyday ones.
const [file, ...options] = process.argv.slice(2)
if (file === undefined) throw new Error('which test file?')
const env = { ...process.env }
for (let at = 0; at < options.length; at += 2) {
  const name = /^--([a-z-]+)$/.exec(options[at] ?? '')?.[1]
  const value = options[at + 1]
  if (name === undefined || value === undefined || !/^\w+$/.test(value)) {
    throw new Error(`options are "--name value", not ${options.slice(at).join(' ')}`)
  }
  env[`ENTREPOT_TEST_${name.replaceAll('-', '_').toUpperCase()}`] = value
}
const { status } = spawnSync('npx', ['vitest', 'run', file], {
  cwd: projectFolder,
  env,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
