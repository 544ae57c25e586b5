/** The task and the caller of the rule that lets everybody pull: docs/access.md, "A public registry". */
export const viewTask = 'View & Download Packages'
export const everyone = 'Everyone'
