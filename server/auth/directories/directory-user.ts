/** A user as a directory describes it. */
export interface DirectoryUser {
  /** What the directory never gives to another; what it is depends on the directory. */
  readonly externalId: string
  /**
   * How ids that are never given to another begin (`entryUUID=`, `sub=`): two such ids are two
   * people. Null: an id may change, such as a distinguished name when somebody marries.
   */
  readonly stableIdPrefix: string | null
  readonly name: string
  readonly displayName: string
  readonly email: string
  /** Names of groups, as the directory spells them. */
  readonly groups: readonly string[]
  readonly enabled: boolean
}
