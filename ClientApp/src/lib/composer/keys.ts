import { isComposing } from '../browser/composing'

/** Touch keyboards have no Shift + Enter, so there Enter makes a line and the button sends. */
export const touchFirst = () => matchMedia('(pointer: coarse)').matches

/** Ignores the Enter that ends an input method's composition. */
export function isSend(
  event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'isComposing' | 'keyCode'>,
  touch = touchFirst(),
): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !isComposing(event) && !touch
}
