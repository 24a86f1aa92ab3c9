/**
 * The oldest browsers that are promised, in README.md and by `index.html`. Safari 16.0 in place of 16.2, because the tests have WPE 2.38,
 * which is a 16.0.
 */
export const engines = ['chrome111', 'edge111', 'firefox121', 'safari16.0']
