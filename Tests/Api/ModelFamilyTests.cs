using AiChat.Endpoints.Catalog;

namespace AiChat.Tests.Api;

/// <summary>What known families of models read at most, by ids as vendors, gateways and local servers write them.</summary>
public sealed class ModelFamilyTests
{
    [Theory]
    [InlineData("gpt-4o-2024-11-20", 128_000)]
    [InlineData("openai/gpt-5-mini", 400_000)]
    [InlineData("gpt-5.4", 1_050_000)]
    [InlineData("gpt-5.4-mini", 400_000)]
    [InlineData("gpt-5-chat-latest", 128_000)]
    [InlineData("gpt-4.1-nano", 1_047_576)]
    [InlineData("gpt-4", 8_192)]
    [InlineData("gpt-4-0613", 8_192)]
    [InlineData("gpt-4-32k-0613", 32_768)]
    [InlineData("claude-3-5-sonnet-20241022", 200_000)]
    [InlineData("claude-opus-4-1-20250805", 200_000)]
    [InlineData("claude-opus-4-5-20251101", 200_000)]
    [InlineData("anthropic/claude-opus-4.6", 1_000_000)]
    [InlineData("claude-sonnet-4-6", 1_000_000)]
    [InlineData("claude-haiku-4-5", 200_000)]
    [InlineData("models/gemini-2.5-pro", 1_048_576)]
    [InlineData("gemini-3-pro-preview", 1_048_576)]
    [InlineData("deepseek-chat", 128_000)]
    [InlineData("qwen-plus", 1_000_000)]
    [InlineData("qwen-max", 32_768)]
    [InlineData("Qwen/Qwen3-Next-80B-A3B-Instruct", 262_144)]
    [InlineData("qwen3-coder-plus", 1_000_000)]
    [InlineData("glm-4.6", 200_000)]
    [InlineData("z-ai/glm-5", 200_000)]
    [InlineData("moonshot-v1-8k", 8_192)]
    [InlineData("moonshot-v1-32k-vision-preview", 32_768)]
    [InlineData("kimi-k2-0905-preview", 262_144)]
    [InlineData("kimi-k2-0711-preview", 131_072)]
    [InlineData("MiniMax-M2", 204_800)]
    [InlineData("doubao-1-5-pro-32k-250115", 32_768)]
    [InlineData("doubao-seed-1-6-250615", 262_144)]
    [InlineData("ernie-speed-128k", 131_072)]
    [InlineData("grok-4-fast-reasoning", 2_000_000)]
    [InlineData("grok-4-0709", 256_000)]
    [InlineData("llama3.1:8b", 131_072)]
    [InlineData("phi-3-mini-4k-instruct", 4_096)]
    [InlineData("unknown-34b-chat-200k", 204_800)]
    [InlineData("my-finetune", null)]
    [InlineData("model-7b-q4_k_m", null)]
    public void A_family_is_known_by_its_id(string id, int? limit) => Assert.Equal(limit, ModelFamilies.Guess(id).ContextLimit);
}
