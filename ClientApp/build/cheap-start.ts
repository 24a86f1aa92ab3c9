import type { Plugin } from 'vite'

const dear = /new \(class StaleReactionError extends Error \{\s*name = ('[^']+');\s*message = ('[^']+');\s*\}\)\(\)/

/**
 * Svelte makes one Error while its module is read, only to compare with it. For the stack of that error the browser reads the whole
 * script a second time, which is half of a phone's time to start. It gets an error without a stack instead.
 */
export function cheapStart(): Plugin {
  return {
    name: 'cheap-start',
    apply: 'build',
    transform: {
      filter: { id: /svelte\/src\/internal\/client\/constants\.js$/ },
      handler(code) {
        if (!dear.test(code)) this.error('Svelte makes its StaleReactionError in another way now: see whether this is still needed')
        return { code: code.replace(dear, 'Object.create(Error.prototype, { name: { value: $1 }, message: { value: $2 } })'), map: null }
      },
    },
  }
}
