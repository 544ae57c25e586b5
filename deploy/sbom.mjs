// Prints what an image is made of, as SPDX: `node deploy/sbom.mjs`, after the build and before
// `npm prune`. npm says what it knows of a package; which of them are in it, the build says: libraries
// of the pages are no dependencies of an installed server, and most of what tests need is in no image.
import { execFileSync } from 'node:child_process'
import { listShipped } from './shipped-packages.mjs'

const output = execFileSync('npm', ['sbom', '--sbom-format=spdx'], { maxBuffer: 2 ** 26 })
const all = JSON.parse(output.toString())
const [root] = all.documentDescribes
const shipped = listShipped()
const packages = all.packages.filter(
  ({ SPDXID, name, versionInfo }) => SPDXID === root || shipped.delete(`${name}@${versionInfo}`),
)
if (shipped.size > 0) throw new Error(`npm does not know ${[...shipped].join(', ')}.`)

const node = {
  name: 'node',
  SPDXID: 'SPDXRef-Package-node',
  versionInfo: process.versions.node,
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseDeclared: 'NOASSERTION',
  externalRefs: [
    {
      referenceCategory: 'PACKAGE-MANAGER',
      referenceType: 'purl',
      referenceLocator: `pkg:generic/node@${process.versions.node}`,
    },
  ],
}
const known = new Set(['SPDXRef-DOCUMENT', ...packages.map(({ SPDXID }) => SPDXID)])
const relationships = all.relationships
  .filter((each) => known.has(each.spdxElementId) && known.has(each.relatedSpdxElement))
  // Bundled is bundled, whatever package.json calls it.
  .map((each) => ({
    ...each,
    relationshipType: each.relationshipType.replace(/^(?:DEV|OPTIONAL)_/, ''),
  }))
// What a package takes if it happens to be there (debug does so) is nobody's dependency.
const related = new Set(relationships.map(({ spdxElementId }) => spdxElementId))
for (const { SPDXID } of [...packages, node]) {
  if (SPDXID === root || related.has(SPDXID)) continue
  const relationshipType = 'DEPENDENCY_OF'
  relationships.push({ spdxElementId: SPDXID, relatedSpdxElement: root, relationshipType })
}
process.stdout.write(
  `${JSON.stringify({ ...all, packages: [...packages, node], relationships }, null, 1)}\n`,
)
