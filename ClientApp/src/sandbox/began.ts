/** When the script of this frame began to run; imported first. */
export const began = Date.now()
