import { fold } from '../browser/letters'

/** Vendors by how the names of their models begin, in the order in which a list has them. */
const vendors: readonly [name: string, names: RegExp][] = [
  ['OpenAI', /^(gpt|chatgpt|o[1-9](?![a-z0-9])|codex|dall-?e|whisper|tts-|text-embedding|davinci|sora)/],
  ['Anthropic', /^claude/],
  ['Google', /^(gemini|gemma|palm|imagen|learnlm|veo|nano-banana)/],
  ['DeepSeek', /^deepseek/],
  ['Qwen', /^(qwen|qwq|qvq|tongyi|wan[0-9])/],
  ['Moonshot', /^(kimi|moonshot)/],
  ['Zhipu', /^(glm|chatglm|cogview|z-ai)/],
  ['Doubao', /^(doubao|seed|seedream)/],
  ['MiniMax', /^(minimax|abab)/],
  ['Baidu', /^ernie/],
  ['Tencent', /^hunyuan/],
  ['StepFun', /^step-/],
  ['Yi', /^yi-/],
  ['InternLM', /^internlm/],
  ['Meta', /^(llama|codellama|meta-llama)/],
  ['Mistral', /^(mistral|mixtral|ministral|codestral|magistral|devstral|pixtral|voxtral|open-mi)/],
  ['xAI', /^grok/],
  ['Cohere', /^(command|c4ai|aya)/],
  ['Microsoft', /^(phi|wizardlm|mai-)/],
  ['NVIDIA', /^(nemotron|nvidia)/],
  ['Amazon', /^(nova-|titan)/],
  ['Perplexity', /^sonar/],
]

/** Owners in ids such as `z-ai/glm-4.6` that are called otherwise. */
const owners: Readonly<Record<string, string>> = {
  openai: 'OpenAI', anthropic: 'Anthropic', google: 'Google', deepseek: 'DeepSeek', 'deepseek-ai': 'DeepSeek', qwen: 'Qwen',
  moonshotai: 'Moonshot', 'z-ai': 'Zhipu', 'zai-org': 'Zhipu', thudm: 'Zhipu', 'bytedance-seed': 'Doubao', minimaxai: 'MiniMax',
  minimax: 'MiniMax', baidu: 'Baidu', tencent: 'Tencent', 'meta-llama': 'Meta', mistralai: 'Mistral', 'x-ai': 'xAI', cohere: 'Cohere',
  microsoft: 'Microsoft', nvidia: 'NVIDIA', amazon: 'Amazon', perplexity: 'Perplexity', internlm: 'InternLM', stepfun: 'StepFun',
}

/** Who made a model, as its id tells; null when it does not. */
export function vendorOf(id: string): string | null {
  // "connection/owner/model", "owner/model", "models/gemini-…", "anthropic.claude-…"
  const parts = fold(id).replace(/^~/, '').split(/[/:]/).filter((part) => part !== '')
  for (const part of parts.toReversed()) {
    const bare = part.replace(/^(?:(?:us|eu|apac|global)\.)?[a-z-]+\.(?=[a-z])/, '').replace(/^(?:pro|free|azure|aws|vertex)-/, '')
    for (const one of [part, bare]) {
      const vendor = vendors.find(([, names]) => names.test(one))
      if (vendor) return vendor[0]
    }
  }
  return parts.map((part) => owners[part]).find((name) => name !== undefined) ?? null
}

/** The place of a vendor in a list; unknown ones come last. */
export function rankOf(vendor: string): number {
  const at = vendors.findIndex(([name]) => name === vendor)
  return at < 0 ? vendors.length : at
}
