// Prints `N passed, N failed, N skipped` from vitest's JSON report, and fails unless all passed.
// Usage: node summary.mjs REPORT EXIT-CODE-OF-THE-TESTS EXIT-CODE-OF-THE-CHECKS
import { readFileSync } from 'node:fs'

const [, , reportFile, testsExit, checksExit] = process.argv
const { passed, failed, skipped } = count(readReport())
// A test run can also fail outside any test: an unhandled error, a global set-up.
const elsewhere = failed === 0 && testsExit !== '0' ? 1 : 0
const failures = failed + elsewhere + (checksExit === '0' ? 0 : 1)
process.stdout.write(`${passed} passed, ${failures} failed, ${skipped} skipped\n`)
process.exitCode = failures > 0 || skipped > 0 || passed === 0 ? 1 : 0

function readReport() {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')).testResults
  } catch {
    return []
  }
}

function count(files) {
  const tests = files.flatMap((file) => file.assertionResults)
  const withStatus = (status) => tests.filter((test) => test.status === status).length
  const passed = withStatus('passed')
  // A file that could not be loaded has no tests, but it failed all the same.
  const unloaded = files.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed'),
  ).length
  const failed = withStatus('failed') + unloaded
  return { passed, failed, skipped: tests.length - passed - withStatus('failed') }
}
