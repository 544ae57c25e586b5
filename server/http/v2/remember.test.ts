import { expect, test } from 'vitest'
import { remembering } from './remember.ts'

test('a short text is parsed once, a long one each time, and a refusal is not kept', () => {
  const parsed: string[] = []
  const parse = remembering((text) => {
    parsed.push(text)
    if (text === 'bad') throw new Error('refused')
    return text.length.toString()
  })
  const long = 'x'.repeat(10_000)
  for (let i = 0; i < 2; i += 1) {
    expect(parse('text')).toBe('4')
    expect(parse(long)).toBe('10000')
    expect(() => parse('bad')).toThrow('refused')
  }
  expect(parsed).toEqual(['text', long, 'bad', long, 'bad'])
})
