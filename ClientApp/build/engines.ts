/** The oldest browsers that are promised, in README.md and by `index.html`. Safari 16.0 in place of 16.2, because WPE 2.38 tries that in the tests. */
export const engines = ['chrome111', 'edge111', 'firefox121', 'safari16.0']
