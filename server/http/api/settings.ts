import type { settings as routes, SettingInfo as Shown } from '../../../contract/settings.ts'
import { listSettingInfos, type SettingInfo, setSettingValue } from '../../registry/settings.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'

export function settingHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, settings, configuredBaseUrl } = deps
  const show = ({ name, value, description, valueType }: SettingInfo): Shown => {
    const fixed = name === 'Web.BaseUrl' && configuredBaseUrl !== null
    return { name, value: fixed ? configuredBaseUrl : value, description, valueType, fixed }
  }
  return {
    async list({ query }) {
      const all = await listSettingInfos({ db })
      return all.filter(({ isDefault }) => query.showAll === true || !isDefault).map(show)
    },
    async set({ query }, { by }) {
      const { name, value = '' } = query
      return show(await setSettingValue({ db, settings, by }, { name, value }))
    },
  }
}
