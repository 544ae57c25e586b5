/** How large something is, counted in one of two ways. */
export interface Figures {
  readonly logicalBytes: number
  readonly deduplicatedBytes: number
}

export const measures = [
  { value: 'disk', label: 'each layer once' },
  { value: 'logical', label: 'as if nothing were shared' },
] as const
export type Measure = (typeof measures)[number]['value']

export function bytesOf({ logicalBytes, deduplicatedBytes }: Figures, measure: Measure): number {
  return measure === 'disk' ? deduplicatedBytes : logicalBytes
}
