/** A whole number with separators, as both languages write it. Creating the browser's formatter takes 100 ms on a phone. */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',')
