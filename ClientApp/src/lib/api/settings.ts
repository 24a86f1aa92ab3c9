import { get, write } from './http'

export interface PersonalSettings {
  locale?: string | null
  theme?: string | null
  preferredModel?: string | null
  suggestions?: readonly string[] | null
  pinnedPrompts?: readonly number[] | null
  ownMarkdown?: boolean | null
}

/** The server settings that are public to every client. */
export interface PublicSettings {
  reasoningEnabled?: boolean
  webSearchEnabled?: boolean
  /** Whether requests are recorded by default for people who may record. */
  taskTraceDefaultOn?: boolean
}

/** The settings of answers that are public to every client. */
export const publicSettings = () => get<PublicSettings>('api/settings/system')

/** The person's own preferences, on every device. */
export const personal = () => get<PersonalSettings>('api/settings/personal')
export const savePersonal = (change: PersonalSettings) => write<PersonalSettings>('PUT', 'api/settings/personal', change)
