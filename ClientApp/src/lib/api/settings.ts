import { get } from './http'
import type { PublicSettings } from './types'

/** The settings of answers that are public to every client. */
export const publicSettings = () => get<PublicSettings>('api/settings/system')
