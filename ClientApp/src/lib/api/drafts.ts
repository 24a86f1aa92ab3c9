import { url } from '../browser/address'
import { get, json, write } from './http'

type DraftSlot = number | 'new'

/** The unsent text of this account from any device; empty when there is none. */
export const read = async (slot: DraftSlot) => (await get<{ text: string; updatedAt?: string | null }>(`api/drafts/${slot}`)).text
export const put = (slot: DraftSlot, text: string) =>
  text === '' ? write('DELETE', `api/drafts/${slot}`) : write('PUT', `api/drafts/${slot}`, { text })
/** For a page that is closing: the browser sends it after the page is gone, and its result is unknown. */
export function putLeaving(slot: DraftSlot, text: string): void {
  void fetch(url(`api/drafts/${slot}`), { method: 'PUT', keepalive: true, ...json({ text }) }).catch(() => undefined)
}
