import { expect, test } from 'vitest'
import { readReturnPath } from './return-path.ts'

test.for(['/containers/main/app:1', '/administration?tab=users', '/account'])(
  'signing in leads back to %s',
  (path) => expect(readReturnPath(path)).toBe(path),
)

test.for([
  undefined,
  7,
  '',
  '/',
  'https://evil.example',
  '//evil.example',
  '/\\evil.example',
  '/a\\b',
  '/\t/evil.example',
  'javascript:alert(1)',
  '/sign-in?to=/sign-in',
])('and not to %s', (value) => expect(readReturnPath(value)).toBe('/containers'))
