import { get, write } from './http'
import type { Branding, Login, Me, Page, User } from './types'

export const branding = () => get<Branding>('api/settings/branding')
export const me = () => get<Me>('api/auth/me')
export const login = (username: string, password: string) => write<{ user: User }>('POST', 'api/auth/login', { username, password })
export const register = (username: string, password: string, setupCode?: string) =>
  write<{ user: User }>('POST', 'api/auth/register', setupCode ? { username, password, setupCode } : { username, password })
export const logout = () => write('POST', 'api/auth/logout', {})
export const logoutAll = () => write('POST', 'api/auth/logout-all', {})
export const changePassword = (currentPassword: string | null, newPassword: string) =>
  write('PUT', 'api/auth/password', currentPassword === null ? { newPassword } : { currentPassword, newPassword })
export const logins = () => get<Page<Login>>('api/auth/logins')
export const revokeLogin = (id: number) => write('DELETE', `api/auth/logins/${id}`)
