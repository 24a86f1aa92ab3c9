import { get } from './http'
import type { PublicSettings } from './types'

/** What the server lets everybody know about how it answers. */
export const publicSettings = () => get<PublicSettings>('api/settings/system')
