export const reasoning: string
export const answer: string
