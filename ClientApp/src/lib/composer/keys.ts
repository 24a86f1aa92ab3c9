/** Touch keyboards have no Shift + Enter, so there Enter makes a line and the button sends. */
export const touchFirst = () => matchMedia('(pointer: coarse)').matches

/** Ignores the Enter that ends an input method's composition, which Safari reports with key code 229. */
export function isSend(
  event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'isComposing' | 'keyCode'>,
  touch = touchFirst(),
): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229 && !touch
}
