export type Query = Record<string, string | number | boolean | null | undefined>

/** Resolves against `<base href>`, so the page works under any BASE_PATH. */
export function url(path: string, query: Query = {}): string {
  const target = new URL(path.replace(/^\//, ''), document.baseURI)
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') target.searchParams.set(key, String(value))
  }
  return target.href
}
