/** Counts what was asked and compared, and keeps in words what did not fit. */
export class Tally {
  #cells = 0
  #checks = 0
  readonly #mismatches: string[] = []
  readonly #seen = new Map<string, Set<string>>()

  /** One request: what is wrong with its answer, each in words; undefined fits. */
  add(title: string, ...wrong: readonly (string | undefined)[]): void {
    this.#cells += 1
    this.compare(title, ...wrong)
  }

  /** What several answers say together. */
  compare(title: string, ...wrong: readonly (string | undefined)[]): void {
    this.#checks += wrong.length
    for (const each of wrong) {
      if (each !== undefined) this.#mismatches.push(`${title}: ${each}`)
    }
  }

  /** That a principal, a route or a registry took part. */
  note(kind: 'principal' | 'route' | 'registry', name: string): void {
    const names = this.#seen.get(kind) ?? new Set()
    this.#seen.set(kind, names.add(name))
  }

  count(kind: 'principal' | 'route' | 'registry'): number {
    return this.#seen.get(kind)?.size ?? 0
  }

  get cells(): number {
    return this.#cells
  }

  get checks(): number {
    return this.#checks
  }

  get mismatches(): readonly string[] {
    return this.#mismatches
  }
}

/** Runs the work for all items, so many at once. */
export async function forAll<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values()
  const workers = Array.from({ length: atOnce }, async () => {
    for (const item of left) await work(item)
  })
  await Promise.all(workers)
}
