export const search = {
  'search.open': 'Search',
  'search.recent': 'Recent chats',
} as const
