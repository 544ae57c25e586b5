/**
 * The addresses of the pages: each of these and all below. The server answers them with the page,
 * whose router knows the rest.
 */
export const pageRoots = [
  '/account',
  '/administration',
  '/containers',
  '/sign-in',
  '/welcome',
] as const
