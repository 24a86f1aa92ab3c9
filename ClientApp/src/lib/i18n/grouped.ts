/** A whole number as both languages write it. The browser's own formatter takes a phone a tenth of a second to make. */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',')
