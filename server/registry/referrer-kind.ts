export type ReferrerKind = 'signature' | 'sbom' | 'attestation' | 'other'

const byArtifactType: readonly (readonly [RegExp, ReferrerKind])[] = [
  [
    /cosign\.(?:artifact\.)?sig|notary\.signature|simplesigning|dsse\.envelope\.signature/,
    'signature',
  ],
  [/spdx|cyclonedx|syft|sbom/, 'sbom'],
  [/in-toto|attestation|sigstore\.bundle|provenance|dsse/, 'attestation'],
]

/** What something that refers to an image is, by its artifact type. */
export function kindOfArtifact(artifactType: string | null): ReferrerKind {
  const type = artifactType?.toLowerCase() ?? ''
  return byArtifactType.find(([pattern]) => pattern.test(type))?.[1] ?? 'other'
}

const byTagEnd = { sig: 'signature', sbom: 'sbom', att: 'attestation' } as const

/** The tags that cosign gives what belongs to an image, with what each is. */
export function companionTags(
  digest: string,
): { readonly tag: string; readonly kind: ReferrerKind }[] {
  const name = digest.replace(':', '-')
  return Object.entries(byTagEnd).map(([end, kind]) => ({ tag: `${name}.${end}`, kind }))
}
