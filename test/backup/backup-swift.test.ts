import { describeBackupsOn } from './on-cloud.ts'

describeBackupsOn('Swift')
