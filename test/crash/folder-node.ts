import type { Random } from '../support/random.ts'
import type { Step } from './disk-model.ts'
import { type Entry, type Losses, type Node, settle } from './disk-node.ts'

export interface CutChoices {
  readonly random: Random
  readonly losses: Losses
  /** What was chosen already: a rename is in two folders. */
  readonly kept: Map<Entry, boolean>
}

/** A folder: the names in it, and which of them are on the disk. */
export class FolderNode {
  readonly kind = 'folder'
  /** What a program sees. */
  readonly now = new Map<string, Node>()
  readonly #durable = new Map<string, Node>()
  #pending: Entry[] = []

  begin(entry: Entry): void {
    this.#pending.push(entry)
  }

  end(entry: Entry): void {
    entry.isDone = true
    apply(this.now, entry)
  }

  forget(entry: Entry): void {
    this.#pending = this.#pending.filter((other) => other !== entry)
  }

  /** The fsync of the folder: covers what was done before it began. */
  sync(): Step {
    const covered = this.#pending.filter((entry) => entry.isDone)
    return { end: () => covered.forEach(settle), fail: () => undefined }
  }

  /** Entries of the same name that are older and not durable yet. */
  before(entry: Entry): Entry[] {
    const older = this.#pending.slice(0, this.#pending.indexOf(entry))
    return older.filter((other) => other.name === entry.name)
  }

  keep(entry: Entry): void {
    entry.isDurable = true
    this.forget(entry)
    apply(this.#durable, entry)
  }

  afterCut(choices: CutChoices): Map<string, Node> {
    const entries = new Map(this.#durable)
    for (const entry of this.#pending) {
      if (isKept(entry, choices)) apply(entries, entry)
      else choices.losses.entries += 1
    }
    return entries
  }
}

function apply(names: Map<string, Node>, { name, node }: Entry): void {
  if (node === undefined) names.delete(name)
  else names.set(name, node)
}

function isKept(entry: Entry, choices: CutChoices): boolean {
  if (entry.isDurable) return true
  const known = choices.kept.get(entry)
  if (known !== undefined) return known
  const mayBe = entry.follows === undefined || isKept(entry.follows, choices)
  const kept = mayBe && choices.random.chance(0.5)
  choices.kept.set(entry, kept)
  return kept
}
