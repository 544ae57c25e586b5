/** Who does something, for the audit. */
export interface Actor {
  /** As principals are named: `Admin`, `API key 3 (ci)`; `Entrepot` for the server itself. */
  readonly name: string
  /** Where the request came from; null for the server itself and the command line. */
  readonly address: string | null
}
