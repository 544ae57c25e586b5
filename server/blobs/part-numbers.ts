const mostAtOnce = 8
const tailsOfWriter = 2 ** 20

/**
 * Numbers of one writer, which no other ever uses. S3 takes 10,000 for the parts of an upload, and one
 * that comes in many chunks has as many writers: so few are reserved until many are needed, and tails,
 * which are objects of their own, have others.
 */
export class PartNumbers {
  readonly #reserveRun: (count: number) => Promise<number>
  #atOnce = 1
  #next = 0
  #end = 0
  #nextTail: number

  /** `writer`: the ledger's count. */
  constructor(writer: number, reserveRun: (count: number) => Promise<number>) {
    this.#reserveRun = reserveRun
    this.#nextTail = writer * tailsOfWriter
  }

  async part(): Promise<number> {
    if (this.#next === this.#end) {
      this.#next = await this.#reserveRun(this.#atOnce)
      this.#end = this.#next + this.#atOnce
      this.#atOnce = Math.min(mostAtOnce, 2 * this.#atOnce)
    }
    this.#next += 1
    return this.#next - 1
  }

  tail(): number {
    this.#nextTail += 1
    return this.#nextTail - 1
  }
}
