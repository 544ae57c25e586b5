/**
 * Refuses what the databases would bind as something else: SQLite takes a Date for null and an
 * object for named parameters, pg takes undefined for null and an object for JSON.
 */
export function checkParameters(parameters: readonly unknown[]): void {
  for (const value of parameters) {
    if (value === undefined) {
      throw new TypeError('A parameter of a statement is undefined.')
    }
    if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      throw new TypeError(`A ${value.constructor?.name ?? 'plain'} object is no SQL value.`)
    }
  }
}
