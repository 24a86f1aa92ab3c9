/**
 * Whether a key belongs to an input method, as the Enter that takes over what was composed. Safari ends the composition before it reports
 * that Enter, and tells it apart only by its key code.
 */
export const isComposing = (event: Pick<KeyboardEvent, 'isComposing' | 'keyCode'>): boolean => event.isComposing || event.keyCode === 229
