/** What a directory was asked, and how that went. Never a secret. */
export interface Step {
  readonly step: StepName
  /** Of whom, and with what. */
  readonly sent: string
  /** What came back; null if it failed. */
  readonly found: string | null
  /** Why it failed; null if it did not. */
  readonly reason: string | null
}

export type StepName =
  | 'resolve'
  | 'connect'
  | 'startTls'
  | 'tls'
  | 'bind'
  | 'findUser'
  | 'checkEnabled'
  | 'checkPassword'
  | 'findGroups'
  | 'findGroup'
  | 'discover'

/** Runs the steps of talking to a directory; a test of the settings listens in. */
export class Steps {
  readonly list: Step[] = []
  readonly #listening: boolean

  constructor(options: { readonly listening: boolean } = { listening: false }) {
    this.#listening = options.listening
  }

  async run<T>(
    step: Pick<Step, 'step' | 'sent'>,
    work: () => Promise<T>,
    describe: (result: T) => string,
  ): Promise<T> {
    if (!this.#listening) return await work()
    try {
      const result = await work()
      this.list.push({ ...step, found: describe(result), reason: null })
      return result
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'It failed.'
      this.list.push({ ...step, found: null, reason })
      throw error
    }
  }
}
