/** A tag in a table; `span` rows from here on are of its image, 0 where a row before said so. */
export interface PlacedTag<Tag> {
  readonly tag: Tag
  readonly span: number
}

/** Brings the tags of one image together, at the place of the first of them. */
export function togetherByImage<Tag extends { readonly digest: string }>(
  tags: readonly Tag[],
): readonly PlacedTag<Tag>[] {
  const images = new Map<string, Tag[]>()
  for (const tag of tags) {
    const others = images.get(tag.digest)
    if (others) others.push(tag)
    else images.set(tag.digest, [tag])
  }
  return [...images.values()].flatMap((group) =>
    group.map((tag, index) => ({ tag, span: index === 0 ? group.length : 0 })),
  )
}
