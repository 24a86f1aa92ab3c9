interface ModuleInfo {
  isEntry: boolean
  importers: readonly string[]
}

// The first page of a new server gets one chunk: what it shares with later pages would be three more files.
const setup = /\/src\/lib\/(setup\/|auth\/AccountForm|api\/connections|i18n\/)/

/**
 * Puts everything the first page imports statically into one chunk. Without it the bundler splits off what
 * the lazy parts share, and the page waits for two more files before it can show anything.
 */
export function firstPageGroup() {
  const known = new Map<string, boolean>()

  function isFirst(id: string, info: (id: string) => ModuleInfo | null): boolean {
    const answer = known.get(id)
    if (answer !== undefined) return answer
    known.set(id, false) // cuts import cycles
    const module = info(id)
    const first = module !== null && (module.isEntry || module.importers.some((importer) => isFirst(importer, info)))
    known.set(id, first)
    return first
  }

  return {
    name: (id: string, context: { getModuleInfo(id: string): ModuleInfo | null }) =>
      isFirst(id, (one) => context.getModuleInfo(one)) ? 'page' : setup.test(id) ? 'setup' : null,
  }
}
