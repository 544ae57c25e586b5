import { openPasswords } from '../../server/auth/password.ts'

/** Of accounts that tests make by the hundred: each hash costs a thousandth of a real one. */
export const cheapPasswords = openPasswords({ cost: 5 })
