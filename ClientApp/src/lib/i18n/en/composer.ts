export const composer = {
  'chat.placeholder': 'Write a message',
  'chat.placeholderQueue': 'Write the next message',
  'chat.send': 'Send',
  'chat.stop': 'Stop',
  'chat.hint': 'Enter sends, Shift + Enter starts a new line',
  'chat.disclaimer': 'Models make mistakes. Check what matters.',
  'chat.queued': 'Sent next',
  'chat.queueCancel': 'Take back',
  'chat.tooLong': '{count} characters; the limit is {limit}.',
  'chat.quotaLeft.one': '{count} message left today',
  'chat.quotaLeft.other': '{count} messages left today',
} as const
