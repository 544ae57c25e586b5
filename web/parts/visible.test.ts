import { expect, test } from 'vitest'
import { visible } from './visible.ts'

test.for([
  ['invoice\u202egnp.exe', 'invoice\\u202egnp.exe'],
  ['\u2066a\u2069', '\\u2066a\\u2069'],
  ['a\u200bb\ufeffc\u00add', 'a\\u200bb\\ufeffc\\u00add'],
  ['\u001b[31mred\u0000\u007f\u0085', '\\u001b[31mred\\u0000\\u007f\\u0085'],
  ['hidden\u{e0041}tag', 'hidden\\udb40\\udc41tag'],
  ['line\u2028line', 'line\\u2028line'],
] as const)('%j is shown as %j', ([text, shown]) => {
  expect(visible(text)).toBe(shown)
})

test.for(['tabs\tand\r\nlines\n', 'שלום', 'می\u200cخواهم', '👩\u200d💻', 'naïve ☃', ''])(
  '%j is shown as it is',
  (text) => {
    expect(visible(text)).toBe(text)
  },
)
