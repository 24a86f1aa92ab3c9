/** How one setting is edited. The bounds repeat the server's table; a test compares them. */
export type Field =
  | { key: string; kind: 'flag' }
  | {
      key: string
      kind: 'number'
      min: number
      max: number
      unit?: 'ms' | 's' | 'hours' | 'days' | 'MB'
      scale?: number
      empty?: 'none' | 'unlimited'
    }
  | { key: string; kind: 'text'; max: number; wide?: boolean; code?: boolean; lines?: boolean }
  | { key: string; kind: 'choice'; options: readonly string[] }
  | { key: string; kind: 'list'; sentences?: boolean }
  | { key: string; kind: 'secret' }
  | { key: string; kind: 'proxy' }
  | { key: string; kind: 'hue'; min: number; max: number }

const flag = (key: string): Field => ({ key, kind: 'flag' })
/** Stored in milliseconds, edited in seconds. */
const seconds = (key: string, min: number, max: number): Field => ({ key, kind: 'number', min, max, unit: 's', scale: 1000 })
/** No limit is -1 on the wire and an empty field on the page. */
const limit = (key: string, max: number): Field => ({ key, kind: 'number', min: -1, max, empty: 'unlimited' })

export const groups = {
  general: [
    { key: 'brandText', kind: 'text', max: 40 },
    { key: 'loginNotice', kind: 'text', max: 1000, wide: true, lines: true },
    { key: 'welcomeText', kind: 'text', max: 500, wide: true, lines: true },
    { key: 'suggestions', kind: 'list', sentences: true },
    { key: 'accentHue', kind: 'hue', min: 0, max: 359 },
    { key: 'defaultLocale', kind: 'choice', options: ['system', 'en', 'zh'] },
    { key: 'siteBaseUrl', kind: 'text', max: 200, wide: true, code: true },
  ],
  storage: [
    { key: 'assistantReplyHistoryLimit', kind: 'number', min: 1, max: 20 },
    { key: 'chatImageRetentionDays', kind: 'number', min: 0, max: 3650, unit: 'days' },
    { key: 'imageStorageMbPerUser', kind: 'number', min: 0, max: 1_000_000, unit: 'MB' },
    { key: 'importMaxMb', kind: 'number', min: 1, max: 16_384, unit: 'MB' },
    { key: 'temporaryChatHours', kind: 'number', min: 1, max: 8760, unit: 'hours' },
  ],
  limits: [
    flag('registrationEnabled'),
    limit('defaultUserDailyQuota', 1_000_000),
    limit('defaultDailyTokenBudget', 1_000_000_000_000),
    limit('defaultMonthlyTokenBudget', 1_000_000_000_000),
    limit('defaultDailyMoneyBudget', 1_000_000),
    limit('defaultMonthlyMoneyBudget', 1_000_000),
    { key: 'anonymousDailyQuota', kind: 'number', min: 0, max: 1_000_000 },
    limit('anonymousTotalDailyQuota', 1_000_000),
    { key: 'anonymousRetentionDays', kind: 'number', min: 0, max: 15, unit: 'days' },
    { key: 'maxRunsPerUser', kind: 'number', min: 0, max: 1000 },
    { key: 'maxRuns', kind: 'number', min: 0, max: 100_000 },
    { key: 'requestsPerMinute', kind: 'number', min: 0, max: 1_000_000 },
  ],
  network: [
    { key: 'outboundProxy', kind: 'proxy' },
    { key: 'noProxy', kind: 'list' },
    seconds('sseHeartbeatIntervalMs', 1000, 600_000),
    seconds('providerConnectTimeoutMs', 1000, 120_000),
    seconds('providerInitialGraceMs', 0, 3_600_000),
    seconds('providerMaxIdleMs', 0, 3_600_000),
    seconds('providerReasoningIdleMs', 0, 3_600_000),
    seconds('providerTimeoutMs', 10_000, 3_600_000),
    { key: 'providerMaxRetries', kind: 'number', min: 0, max: 5 },
    { key: 'streamDeltaFlushIntervalMs', kind: 'number', min: 0, max: 3_600_000, unit: 'ms' },
    flag('usageEmit'),
  ],
  reasoning: [
    flag('reasoningEnabled'),
    flag('reasoningDefaultExpand'),
    flag('reasoningSaveToDb'),
    { key: 'openaiReasoningEffort', kind: 'choice', options: ['unset', 'minimal', 'low', 'medium', 'high'] },
    flag('ollamaThink'),
    { key: 'ollamaKeepAlive', kind: 'text', max: 20, code: true },
    flag('promptCaching'),
    { key: 'reasoningMaxOutputTokensDefault', kind: 'number', min: 1, max: 256_000, empty: 'none' },
    { key: 'reasoningTagsMode', kind: 'choice', options: ['default', 'custom', 'off'] },
    { key: 'reasoningCustomTags', kind: 'text', max: 1000, wide: true, code: true },
    { key: 'defaultContextTokenLimit', kind: 'number', min: 256, max: 100_000_000 },
    { key: 'titleModel', kind: 'text', max: 400, wide: true, code: true },
    { key: 'fallbackModels', kind: 'list' },
    { key: 'modelsRefreshIntervalS', kind: 'number', min: 60, max: 86_400, unit: 's' },
  ],
  search: [
    flag('webSearchEnabled'),
    { key: 'webSearchEngine', kind: 'choice', options: ['tavily', 'brave', 'searxng', 'exa'] },
    { key: 'webSearchApiKey', kind: 'secret' },
    { key: 'webSearchEndpoint', kind: 'text', max: 2000, wide: true, code: true },
    flag('webSearchLocal'),
    { key: 'webSearchResultLimit', kind: 'number', min: 1, max: 10 },
    { key: 'webSearchDomainFilter', kind: 'list' },
  ],
  backup: [
    { key: 'backupSchedule', kind: 'text', max: 100, code: true },
    { key: 'backupKeepDaily', kind: 'number', min: 0, max: 3650 },
    { key: 'backupKeepWeekly', kind: 'number', min: 0, max: 520 },
    { key: 'backupS3Endpoint', kind: 'text', max: 2000, wide: true, code: true },
    { key: 'backupS3Bucket', kind: 'text', max: 63, code: true },
    { key: 'backupS3Region', kind: 'text', max: 40, code: true },
    { key: 'backupS3Prefix', kind: 'text', max: 200, code: true },
    { key: 'backupS3AccessKey', kind: 'text', max: 256, code: true },
    { key: 'backupS3SecretKey', kind: 'secret' },
    flag('backupS3PathStyle'),
    flag('backupS3Local'),
  ],
  trace: [
    flag('taskTraceEnabled'),
    flag('taskTraceDefaultOn'),
    flag('taskTraceAdminOnly'),
    { key: 'taskTraceEnv', kind: 'choice', options: ['dev', 'prod', 'both'] },
    { key: 'taskTraceRetentionDays', kind: 'number', min: 1, max: 365, unit: 'days' },
    { key: 'taskTraceMaxEvents', kind: 'number', min: 100, max: 200_000 },
    seconds('taskTraceIdleTimeoutMs', 1000, 600_000),
  ],
} as const satisfies Record<string, readonly Field[]>

export type GroupName = keyof typeof groups
