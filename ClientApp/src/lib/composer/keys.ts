/** A touch keyboard has no Shift + Enter: there Enter makes a line and the button sends. */
export const touchFirst = () => matchMedia('(pointer: coarse)').matches

/** Enter that ends an input method's composition belongs to it; Safari reports that one as key code 229. */
export function isSend(event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'isComposing' | 'keyCode'>, touch = touchFirst()): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229 && !touch
}
