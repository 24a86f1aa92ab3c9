import type { composer as en } from '../en/composer'

export const composer: Record<keyof typeof en, string> = {
  'chat.placeholder': '输入消息',
  'chat.placeholderQueue': '输入下一条消息',
  'chat.send': '发送',
  'chat.stop': '停止',
  'chat.hint': 'Enter 发送，Shift + Enter 换行',
  'chat.disclaimer': '模型可能出错，重要内容请核实。',
  'chat.queued': '接下来发送',
  'chat.tooLong': '共 {count} 个字符，上限为 {limit}。',
  'chat.quotaLeft.one': '今天还可发送 {count} 条消息',
  'chat.quotaLeft.other': '今天还可发送 {count} 条消息',
  'chat.queueSend': '现在发送',
  'chat.queueEdit': '发送前编辑',
  'chat.queueCancel': '不发送',
}
