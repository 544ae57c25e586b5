import { z } from 'zod'
import { route } from './route.ts'
import { flagInAddress } from './words.ts'

export const SettingInfo = z.object({
  name: z.string(),
  value: z.string(),
  description: z.string(),
  valueType: z.enum(['text', 'integer', 'boolean']),
  fixed: z.boolean().meta({ description: 'Whether the configuration of the server overrides it.' }),
})
export type SettingInfo = z.infer<typeof SettingInfo>

export const settings = {
  list: route('GET', '/api/settings/list', {
    summary: 'List the settings, by name',
    query: z.strictObject({
      showAll: flagInAddress.optional().meta({ description: 'Also those at their default.' }),
    }),
    reply: z.array(SettingInfo),
  }),
  set: route('POST', '/api/settings/set', {
    summary: 'Set a setting',
    description: 'An empty or absent value takes it back to its default.',
    query: z.strictObject({ name: z.string().max(200), value: z.string().max(4000).optional() }),
    reply: SettingInfo,
  }),
}
