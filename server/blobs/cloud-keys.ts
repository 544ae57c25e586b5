/** Where in a bucket what is. A location is all that names bytes, so it is all that a key tells. */
export interface CloudKeys {
  readonly marker: string
  readonly blobs: string
  readonly tails: string
  blob(location: string): string
  tail(location: string, number: number): string
  tailsOf(location: string): string
}

export function cloudKeys(prefix: string): CloudKeys {
  const blobs = `${prefix}blobs/`
  const tails = `${prefix}uploads/`
  return {
    marker: `${prefix}entrepot-store.json`,
    blobs,
    tails,
    blob: (location) => `${blobs}${location}`,
    tail: (location, number) => `${tails}${location}/${number}`,
    tailsOf: (location) => `${tails}${location}/`,
  }
}
