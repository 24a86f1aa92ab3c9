import { describe, expect, it } from 'vitest'
import { deedOf, detailOf, targetOf } from '../../src/lib/admin/audit-words'
import { admin as adminEn } from '../../src/lib/i18n/en/admin'
import { audit as en } from '../../src/lib/i18n/en/audit'
import { admin as adminZh } from '../../src/lib/i18n/zh/admin'
import { audit as zh } from '../../src/lib/i18n/zh/audit'

function words(texts: Record<string, string>, comma: string) {
  const t = (key: string) => texts[key] ?? key
  return { t, told: (key: string, otherwise: string) => texts[key] ?? otherwise, list: (all: readonly string[]) => all.join(comma) }
}
const chinese = words({ ...adminZh, ...zh }, '、')
const english = words({ ...adminEn, ...en }, ', ')

describe('the audit log', () => {
  const detail = 'Lab, openai, http://10.0.0.7/v1, none, on, local, keys [], headers [], proxy inherit'

  it('says of a connection in words what was set', () => {
    expect(detailOf({ action: 'connection.create', detail }, chinese)).toBe(
      'Lab、openai、http://10.0.0.7/v1、无需认证、已启用、允许内网地址、代理 沿用服务器设置',
    )
    expect(detailOf({ action: 'connection.create', detail: detail.replace('none', 'api_key').replace('inherit', 'none') }, english)).toBe(
      'Lab, openai, http://10.0.0.7/v1, API key header, enabled, private addresses allowed, proxy not used',
    )
  })

  it('shows lists as a reader writes them', () => {
    const keys = String.raw`keys ["\u20264567","…89ab"], headers ["X-Team"]`
    expect(detailOf({ action: 'connection.change', detail: keys }, chinese)).toBe('密钥 …4567、…89ab、请求头 X-Team')
    expect(detailOf({ action: 'settings.change', detail: 'webSearchDomains = ["a.org","b.org"]' }, english)).toMatch(/= a\.org, b\.org$/)
  })

  it('calls a role as the list of users does', () => {
    for (const [texts, i18n] of [[adminZh, chinese], [adminEn, english]] as const)
      for (const role of ['ADMIN', 'USER'] as const)
        expect(detailOf({ action: 'user.create', detail: role }, i18n).toLowerCase()).toBe(texts[`users.role.${role}`].toLowerCase())
  })

  it('names the deed and its target, and keeps codes that it does not know', () => {
    expect(deedOf({ action: 'user.create' }, chinese)).toBe('创建账号')
    expect(targetOf({ target: 'user:5 mei' }, chinese)).toBe('用户 mei')
    expect(deedOf({ action: 'new.deed' }, chinese)).toBe('new.deed')
    expect(targetOf({ target: 'thing:x' }, chinese)).toBe('thing x')
  })
})
