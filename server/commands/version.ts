import { readVersion } from '../config/version.ts'
import type { Command } from './command.ts'

export const versionCommand: Command = {
  words: 'version',
  operands: [],
  summary: 'Print the version.',
  options: {},
  settings: null,
  read:
    () =>
    async (_config, { print }) =>
      print(readVersion()),
}
