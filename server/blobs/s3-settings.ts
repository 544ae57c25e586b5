/** A bucket, or part of one, of Amazon S3 or whatever speaks its language. */
export interface S3Settings {
  readonly bucket: string
  /** Before every key; '' or ending with a slash. */
  readonly prefix: string
  readonly region: string
  /** Null: Amazon's own. */
  readonly endpoint: string | null
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean
  /** Null: what the environment offers (instance role, profile, variables). */
  readonly credentials: S3Credentials | null
  /** Null: the bucket's own rule. */
  readonly encryption: S3Encryption | null
  /** All parts of this size; null: they grow. */
  readonly uniformPartBytes: number | null
  /** The address that presigned URLs begin with; null: `endpoint`. */
  readonly publicEndpoint: string | null
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface S3Encryption {
  readonly kind: 'AES256' | 'aws:kms'
  readonly kmsKeyId: string | null
}
