import type { RegistryOverview } from '../../../../contract/registries.ts'
import { FirstPush } from '../first-push.tsx'

/** The place of "Set up client": what a client needs to push here and to pull from here. */
export function ClientSetup({ registry }: { readonly registry: RegistryOverview }) {
  return <FirstPush imagePrefix={registry.imagePrefix} registry={registry.name} />
}
