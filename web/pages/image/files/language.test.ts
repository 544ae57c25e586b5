import { expect, test } from 'vitest'
import { highlight } from './highlight.ts'
import { languageOf } from './language.ts'

test.for([
  ['entrypoint', '#!/bin/sh -e\n', 'bash'],
  ['tool', '#!/usr/bin/env python3\n', 'python'],
  ['app.py', 'import os', 'python'],
  ['Dockerfile.dev', 'FROM scratch', 'dockerfile'],
  ['nginx.conf', 'server {}', 'nginx'],
  ['os-release', 'ID=debian', 'properties'],
  ['.bashrc', 'alias', 'bash'],
  ['package.json', '{}', 'json'],
  ['README', 'words', undefined],
] as const)('%s', ([name, text, language]) => {
  expect(languageOf(name, text)).toBe(language)
  if (language !== undefined) {
    expect(highlight(language, text).data?.language).toBe(language)
  }
})
