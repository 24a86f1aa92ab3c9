import { url } from '../browser/address'
import { get, json, write } from './http'

export type DraftSlot = number | 'new'

/** What somebody typed and has not sent, on whatever device that was; empty when there is none. */
export const read = async (slot: DraftSlot) => (await get<{ text: string; updatedAt?: string | null }>(`api/drafts/${slot}`)).text
export const put = (slot: DraftSlot, text: string) => (text === '' ? write('DELETE', `api/drafts/${slot}`) : write('PUT', `api/drafts/${slot}`, { text }))
/** For a page that goes: the browser sends it after the page is gone. Nobody hears whether it arrived. */
export function putLeaving(slot: DraftSlot, text: string): void {
  void fetch(url(`api/drafts/${slot}`), { method: 'PUT', keepalive: true, ...json({ text }) }).catch(() => undefined)
}
