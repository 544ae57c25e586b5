import { expect, test } from 'vitest'
import { indentJson, tokenizeJson } from './json-tokens.ts'

const text = '{"a": [1, -2.5e3, true], "b\\"": "x: \\" y", "c": null, "d": {"sha256:1": "2"}}'

test('the pieces are the text', () => {
  for (const each of [text, indentJson(text), 'no JSON "at all', '']) {
    expect(
      tokenizeJson(each)
        .map((token) => token.text)
        .join(''),
    ).toBe(each)
  }
})

test('names, strings, numbers and words are told apart', () => {
  const kinds = tokenizeJson(text).filter(({ kind }) => kind !== 'plain')
  expect(kinds.map((token) => `${token.kind} ${token.text}`)).toEqual([
    'name "a"',
    'number 1',
    'number -2.5e3',
    'word true',
    'name "b\\""',
    'string "x: \\" y"',
    'name "c"',
    'word null',
    'name "d"',
    'name "sha256:1"',
    'string "2"',
  ])
})

test('what is no JSON is not touched', () => expect(indentJson('{"a":')).toBe('{"a":'))

test.for([
  text.replace('-2.5e3', '-2500'),
  '{"empty":{},"none":[ ],"deep":[[{"a":[]}]],"text":"{,}:[]"}',
  '[]',
  '"only"',
  ' 12 ',
] as const)('%s is indented as ever', (json) => {
  expect(indentJson(json)).toBe(JSON.stringify(JSON.parse(json), null, 2))
})

test('what JSON would lose when read and written is shown as it was pushed', () => {
  const pushed = '{"size":1,"size":12345678901234567890,"one":1.0,"escape":"\\u003c","__proto__":2}'
  expect(indentJson(pushed).replaceAll(/\n */g, '').replaceAll(': ', ':')).toBe(pushed)
})

test('what is deep does not grow with its depth squared', () => {
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
  expect(indentJson(deep).length).toBeLessThan(100 * deep.length)
})
