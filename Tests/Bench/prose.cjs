// Natural-looking prose in English and Chinese, the same in each run: what the stand-in provider answers and what is asked. Of three
// paragraphs one is Chinese. Words follow the usual curve, a few of them often and most of them seldom.
const { writeFileSync } = require('node:fs')

const TOKENS = 60_000

const words = (text) => text.trim().split(/\s+/)

const ENGLISH = {
  n: words(`time way people water house morning river question answer letter window garden road city teacher child story price market
    bread kitchen table light summer winter engine machine signal network server memory database index method result reason example
    number pattern surface pressure weather mountain valley forest island harbour captain journey bridge station ticket paper pencil
    picture colour shadow voice music instrument concert theatre audience language sentence grammar meaning history century empire
    village farmer harvest field tractor factory worker wage bank loan interest tax government election vote law court judge witness
    evidence crime doctor patient medicine fever muscle bone heart breath sleep dream habit friend neighbour stranger guest holiday
    birthday present ribbon thread needle cloth shirt pocket button mirror hammer nail wood steel copper glass brick roof ceiling
    carpet lamp candle match smoke fire stove kettle coffee sugar butter cheese apple orchard honey bee insect spider bird feather
    wing nest egg horse saddle sheep wool goat dog cat mouse fish net boat sail anchor rope wave tide shore sand shell pebble crystal
    mineral planet orbit telescope satellite rocket fuel battery circuit current voltage magnet laboratory experiment theory proof
    equation triangle circle angle distance speed weight temperature moisture soil seed root leaf branch blossom fruit`),
  v: words(`makes takes keeps finds leaves holds needs shows brings gives follows changes carries opens closes explains describes
    measures compares connects divides replaces protects improves repeats supports prevents reveals produces collects controls
    reduces increases answers reaches crosses fills covers draws builds breaks repairs cleans paints moves pushes pulls turns stops
    starts teaches learns reads writes remembers forgets imagines expects suggests promises refuses accepts delivers sells borrows`),
  a: words(`good new old small large long short early late warm cold quiet loud bright dark heavy light simple difficult useful common
    rare local public private modern ancient careful patient honest nervous clever curious gentle rough smooth narrow wide deep
    shallow empty crowded fresh dry wet sharp round flat hidden visible familiar foreign cheap expensive reliable fragile steady
    sudden gradual possible necessary sufficient temporary permanent northern southern wooden golden silver broken complete`),
  d: words(`often usually slowly quickly carefully rarely always never finally suddenly quietly almost perhaps clearly mostly nearly
    roughly exactly together separately eventually immediately recently seldom barely`),
  p: words(`in on under over behind beside between through across against without within after before during near beyond around along`),
  t: words(`the the the the a a this that every another our their his her some each no`),
}
const ENGLISH_SENTENCES = words(`t-a-n-v-t-n-p-t-n t-n-p-t-a-n-d-v-t-n d,-t-n-v-t-a-n t-n-v-t-n,-and-t-n-v-t-a-n-p-t-n
  if-t-n-v-t-n,-then-t-a-n-d-v-t-n t-a-a-n-v because-t-n-v-t-n,-it-is-d-a-to-know-which-n-v-t-n there-is-t-a-n-p-t-n,-but-nobody-v-it
  in-Y-t-n-of-t-n-v-Q-n p-t-n-one-d-v-t-a-n-and-t-a-n most-n-are-a,-while-t-a-n-v-t-n-of-t-n what-t-n-v-is-d-more-a-than-what-t-n-v
  we-can-see-that-t-a-n-v-t-n-p-t-n,-which-is-why-t-n-of-t-a-n-d-v t-n-that-v-t-n-is-as-a-as-t-n-that-v-t-a-n`)

const CHINESE = {
  n: words(`时间 地方 人们 水 房子 早晨 河流 问题 答案 信件 窗户 花园 道路 城市 老师 孩子 故事 价格 市场 面包 厨房 桌子 阳光 夏天 冬天 机器 信号 网络
    服务器 内存 数据库 索引 方法 结果 原因 例子 数字 模式 表面 压力 天气 山谷 森林 岛屿 港口 船长 旅程 桥梁 车站 票 纸张 铅笔 图画 颜色 影子 声音 音乐 乐器
    剧院 观众 语言 句子 语法 意义 历史 世纪 村庄 农民 收成 田野 工厂 工人 工资 银行 利息 政府 选举 法律 法院 证人 证据 医生 病人 药品 肌肉 骨头 心脏 呼吸
    睡眠 梦想 习惯 朋友 邻居 客人 假期 生日 礼物 线 布料 衬衫 口袋 镜子 锤子 木头 钢铁 玻璃 砖头 屋顶 地毯 灯 蜡烛 烟 火 茶壶 咖啡 糖 苹果 蜂蜜 昆虫 鸟
    羽毛 马 羊毛 鱼 渔网 小船 绳子 海浪 沙滩 贝壳 水晶 行星 轨道 望远镜 卫星 火箭 燃料 电池 电路 电压 磁铁 实验室 实验 理论 证明 方程 三角形 距离 速度 重量
    温度 土壤 种子 根 叶子 树枝 花朵 果实`),
  v: words(`做出 保持 发现 离开 需要 显示 带来 给予 跟随 改变 携带 打开 关闭 解释 描述 测量 比较 连接 分开 代替 保护 改善 重复 支持 防止 揭示 生产 收集
    控制 减少 增加 回答 到达 穿过 充满 覆盖 建造 打破 修理 清洗 移动 推动 停止 开始 教会 学习 阅读 书写 记得 忘记 想象 期待 建议 拒绝 接受 运送`),
  a: words(`好的 新的 旧的 小的 大的 长的 短的 温暖的 寒冷的 安静的 明亮的 黑暗的 沉重的 简单的 困难的 有用的 常见的 罕见的 公共的 私人的 现代的 古老的
    细心的 耐心的 诚实的 聪明的 好奇的 温和的 粗糙的 光滑的 狭窄的 宽阔的 深的 空的 拥挤的 新鲜的 干燥的 锋利的 平坦的 隐藏的 熟悉的 便宜的 可靠的 稳定的`),
  d: words(`经常 通常 慢慢地 很快地 仔细地 很少 总是 从不 终于 突然 悄悄地 几乎 也许 显然 大多 恰好 一起 最终 立刻 最近`),
  p: words(`在 从 向 对 为了 通过 沿着 根据 关于 除了`),
  t: words(`这个 那个 每个 另一个 我们的 他们的 一些 一个`),
}
const CHINESE_SENTENCES = words(`t-a-n-v-n d-n-v-t-a-n p-n-里，-n-d-v-n 如果-n-v-n，-那么-t-a-n-就-v-n 因为-n-v-t-n，-所以-我们-d-v-a-n
  t-n-的-n-是-a，-但是-没有-人-v-它 n-和-n-都-v-了-t-n 在-Y-年，-n-v-了-Q-个-n 我们-可以-看到-t-a-n-d-v-n，-这-就是-n-v-n-的-原因`)

/** A seeded generator: the same numbers in each run. */
function numbers(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
}

/** The tokens of one sentence; English ones begin with their space. */
function sentence(next, lists, patterns, isEnglish) {
  const seldom = (list) => list[Math.floor(list.length * (next(1 << 20) / (1 << 20)) ** 2)]
  const tokens = patterns[next(patterns.length)].split('-').map((part) => {
    const mark = /[,，]$/.exec(part)?.[0] ?? ''
    const slot = mark ? part.slice(0, -1) : part
    const word = slot === 'Y' ? String(1750 + next(280)) : slot === 'Q' ? String(2 + next(900)) : lists[slot] ? seldom(lists[slot]) : slot
    return word + mark
  })
  if (!isEnglish) return [...tokens, '。']
  return tokens.map((word, i) => ` ${i === 0 ? word[0].toUpperCase() + word.slice(1) : word}${i === tokens.length - 1 ? '.' : ''}`)
}

function tokens() {
  const next = numbers(7)
  const all = []
  for (let paragraph = 0; all.length < TOKENS; paragraph++) {
    const isEnglish = paragraph % 3 !== 2
    for (let i = 0; i < 6; i++) all.push(...sentence(next, isEnglish ? ENGLISH : CHINESE, isEnglish ? ENGLISH_SENTENCES : CHINESE_SENTENCES, isEnglish))
  }
  return all
}

const PROSE = tokens()

/** For the provider and the load generator: one token a line. None has a character that JSON escapes. */
const writeProse = (file) => writeFileSync(file, PROSE.map((token) => `${token}\n`).join(''))

/** Question number `number`, of at least so many characters. The number tells the provider where its answer begins. */
function question(number, characters = 60) {
  let text = `Question ${number}:`
  for (let at = (number * 7919 + 30_011) % PROSE.length; text.length < characters; at = (at + 1) % PROSE.length) text += PROSE[at]
  return text
}

module.exports = { question, writeProse }
