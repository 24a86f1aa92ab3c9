interface ModuleInfo {
  isEntry: boolean
  importers: readonly string[]
}

/**
 * Puts everything the first page imports statically into one chunk. Without it the bundler splits off what
 * the lazy parts share, and the page waits for two more files before it can show anything. A later group gets only what the ones before
 * it left.
 */
export function chunks() {
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

  return [
    {
      name: (id: string, context: { getModuleInfo(id: string): ModuleInfo | null }) =>
        isFirst(id, (one) => context.getModuleInfo(one)) ? 'page' : null,
    },
    // The first page of a new server: what it shares with later pages would be three more files.
    { name: 'setup', test: /\/src\/lib\/(setup\/SetupPage|auth\/AccountForm|api\/connections|i18n\/(\w+\/)?setup)/ },
    // The texts of the chat's menus and dialogs are few; those of settings and administration come in one file.
    { name: 'welcome', test: /\/src\/lib\/i18n\/(\w+\/)?welcome/ },
    { name: 'texts', test: /\/src\/lib\/i18n\// },
  ].map((group, index, all) => ({ ...group, priority: all.length - index }))
}
