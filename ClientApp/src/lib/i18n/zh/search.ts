import type { search as en } from '../en/search'

export const search: Record<keyof typeof en, string> = {
  'search.open': '搜索',
  'search.recent': '最近的对话',
}
