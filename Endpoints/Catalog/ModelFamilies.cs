using System.Globalization;

namespace AiChat.Endpoints.Catalog;

/// <summary>
/// Known properties of model families, found by a part of the model's id. The lowest layer: it applies only where the administrator,
/// the connection and the provider leave a property open.
/// </summary>
internal static class ModelFamilies
{
    private const int K = 1_024;
    private const int M = 1_048_576;

    /// <summary>A million as vendors count that count in tens.</summary>
    private const int M10 = 1_000_000;

    // The first match wins, so narrow entries come first. The part must stand at the start of a word of the id.
    private static readonly Family[] Known =
    [
        // These cannot chat.
        new("embed", 8_192, null, Does.NoChat), new("text-embedding", 8_191, null, Does.NoChat), new("bge-", 8_192, null, Does.NoChat),
        new("whisper", null, null, Does.NoChat), new("tts", null, null, Does.NoChat), new("rerank", null, null, Does.NoChat),
        new("moderation", null, null, Does.NoChat), new("transcribe", null, null, Does.NoChat), new("sora", null, null, Does.NoChat),
        new("dall-e", null, null, Does.NoChat | Does.Draw), new("gpt-image", null, null, Does.NoChat | Does.Draw),
        new("imagen", null, null, Does.NoChat | Does.Draw), new("veo", null, null, Does.NoChat),
        new("stable-diffusion", null, null, Does.NoChat | Does.Draw),

        new("gpt-5-chat", 128_000, 16_384, Does.See | Does.Tools), new("gpt-5.1-chat", 128_000, 16_384, Does.See | Does.Tools),
        new("gpt-5.2-chat", 128_000, 16_384, Does.See | Does.Tools), new("gpt-5.3-chat", 128_000, 16_384, Does.See | Does.Tools),
        new("gpt-5.4-mini", 400_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-5.4-nano", 400_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-5.4", 1_050_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-5.5", 1_050_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-5.6", 1_050_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-5", 400_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-4.1", 1_047_576, 32_768, Does.See | Does.Tools), new("gpt-4.5", 128_000, 16_384, Does.See | Does.Tools),
        new("gpt-4o", 128_000, 16_384, Does.See | Does.Tools), new("chatgpt-4o", 128_000, 16_384, Does.See),
        new("gpt-4-turbo", 128_000, 4_096, Does.See | Does.Tools),
        new("gpt-4-1106", 128_000, 4_096, Does.Tools), new("gpt-4-0125", 128_000, 4_096, Does.Tools),
        new("gpt-4-vision", 128_000, 4_096, Does.See), new("gpt-4", 8_192, null, Does.Tools),
        new("gpt-3.5-turbo-instruct", 4_096, null, Does.Nothing), new("gpt-3.5", 16_385, 4_096, Does.Tools),
        new("gpt-oss", 128 * K, null, Does.Tools | Does.Think),
        new("o1-mini", 128_000, 65_536, Does.Think), new("o1-preview", 128_000, 32_768, Does.Think),
        new("o3-mini", 200_000, 100_000, Does.Tools | Does.Think),
        new("o1", 200_000, 100_000, Does.See | Does.Tools | Does.Think), new("o3", 200_000, 100_000, Does.See | Does.Tools | Does.Think),
        new("o4-mini", 200_000, 100_000, Does.See | Does.Tools | Does.Think),

        new("claude-3-7", 200_000, 64_000, Does.See | Does.Tools | Does.Think), new("claude-3-5", 200_000, 8_192, Does.See | Does.Tools),
        new("claude-3.7", 200_000, 64_000, Does.See | Does.Tools | Does.Think), new("claude-3.5", 200_000, 8_192, Does.See | Does.Tools),
        new("claude-3", 200_000, 4_096, Does.See | Does.Tools), new("claude-opus-4-5", 200_000, 64_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4-6", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4-7", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4.5", 200_000, 64_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4-", 200_000, 32_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4.6", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4.7", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-sonnet-4-6", M10, 64_000, Does.See | Does.Tools | Does.Think),
        new("claude-sonnet-4.6", M10, 64_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-5", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-sonnet-5", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-fable", M10, 128_000, Does.See | Does.Tools | Does.Think),
        new("claude-2", 100_000, 4_096, Does.Nothing), new("claude-instant", 100_000, 4_096, Does.Nothing),
        new("claude", 200_000, 64_000, Does.See | Does.Tools | Does.Think),

        new("gemini-2.5-flash-image", 32_768, 32_768, Does.See | Does.Draw), new("gemini-1.5-pro", 2 * M, 8_192, Does.See | Does.Tools),
        new("gemini-1.5", M, 8_192, Does.See | Does.Tools), new("gemini-2.0", M, 8_192, Does.See | Does.Tools),
        new("gemini-1.0", 32_760, 8_192, Does.Tools), new("gemini", M, 65_536, Does.See | Does.Tools | Does.Think),
        new("gemma-3-1b", 32_768, 8_192, Does.Nothing), new("gemma3:1b", 32_768, 8_192, Does.Nothing),
        new("gemma-3n", 32_768, null, Does.See), new("gemma3n", 32_768, null, Does.See),
        new("gemma-4", 128 * K, null, Does.See | Does.Tools | Does.Think), new("gemma4", 128 * K, null, Does.See | Does.Tools | Does.Think),
        new("gemma-3", 128 * K, 8_192, Does.See), new("gemma3", 128 * K, 8_192, Does.See), new("gemma", 8_192, null, Does.Nothing),

        new("deepseek-v4", M10, null, Does.Tools | Does.Think),
        new("deepseek-reasoner", 128_000, 64_000, Does.Think | Does.Tools), new("deepseek-r1", 128_000, 32_000, Does.Think),
        new("deepseek-chat", 128_000, 8_192, Does.Tools), new("deepseek", 128_000, null, Does.Tools),

        new("qwen3.5-plus", M10, 65_536, Does.See | Does.Tools | Does.Think),
        new("qwen3.5-flash", M10, 65_536, Does.See | Does.Tools | Does.Think),
        new("qwen3.6-plus", M10, 65_536, Does.See | Does.Tools | Does.Think),
        new("qwen3.5", 256 * K, 65_536, Does.See | Does.Tools | Does.Think),
        new("qwen3.6", 256 * K, 65_536, Does.See | Does.Tools | Does.Think),
        new("qwen3-coder-plus", M10, 65_536, Does.Tools), new("qwen3-coder-flash", M10, 65_536, Does.Tools),
        new("qwen3-next", 256 * K, 32_768, Does.Tools | Does.Think),
        new("qwen-plus", M10, 32_768, Does.Tools | Does.Think), new("qwen-flash", M10, 32_768, Does.Tools | Does.Think),
        new("qwen-turbo", 128 * K, 16_384, Does.Tools | Does.Think), new("qwen-long", 10 * M10, 8_192, Does.Nothing),
        new("qwen-vl-max", 128 * K, 8_192, Does.See | Does.Tools), new("qwen-vl-plus", 128 * K, 8_192, Does.See),
        new("qwen3-vl", 256 * K, 32_768, Does.See | Does.Tools | Does.Think), new("qwen3-coder", 256 * K, 65_536, Does.Tools),
        new("qwen3-max", 256 * K, 65_536, Does.Tools), new("qwen3", 128 * K, 32_768, Does.Tools | Does.Think),
        new("qwen2.5-vl", 128 * K, 8_192, Does.See | Does.Tools), new("qwen2.5vl", 128 * K, 8_192, Does.See),
        new("qwen-vl", 32_768, 8_192, Does.See),
        new("qwen2.5", 32_768, 8_192, Does.Tools), new("qwen2", 32_768, 8_192, Does.Tools), new("qwen", 32_768, 8_192, Does.Tools),
        new("qwq", 128 * K, 32_768, Does.Tools | Does.Think), new("qvq", 128 * K, 8_192, Does.See | Does.Think),

        new("llama-4", M, null, Does.See | Does.Tools), new("llama4", M, null, Does.See | Does.Tools),
        new("llama-3.2-11b", 128 * K, null, Does.See | Does.Tools), new("llama-3.2-90b", 128 * K, null, Does.See | Does.Tools),
        new("llama3.2-vision", 128 * K, null, Does.See),
        new("llama-3.3", 128 * K, null, Does.Tools), new("llama3.3", 128 * K, null, Does.Tools),
        new("llama-3.2", 128 * K, null, Does.Tools), new("llama3.2", 128 * K, null, Does.Tools),
        new("llama-3.1", 128 * K, null, Does.Tools), new("llama3.1", 128 * K, null, Does.Tools),
        new("llama-3", 8_192, null, Does.Nothing), new("llama3", 8_192, null, Does.Nothing), new("llama2", 4_096, null, Does.Nothing),

        new("pixtral", 128_000, null, Does.See | Does.Tools), new("magistral", 128_000, null, Does.Tools | Does.Think),
        new("mistral-medium", 128_000, null, Does.See | Does.Tools), new("mistral-small", 128_000, null, Does.See | Does.Tools),
        new("mistral-large", 128_000, null, Does.Tools), new("codestral", 256 * K, null, Does.Tools),
        new("devstral", 128_000, null, Does.Tools),
        new("mistral-nemo", 128_000, null, Does.Tools), new("ministral", 128_000, null, Does.Tools),
        new("mixtral", 32_768, null, Does.Tools), new("mistral", 32_768, null, Does.Tools),

        new("grok-4-fast", 2 * M10, null, Does.See | Does.Tools | Does.Think),
        new("grok-4-1-fast", 2 * M10, null, Does.See | Does.Tools | Does.Think),
        new("grok-4.1-fast", 2 * M10, null, Does.See | Does.Tools | Does.Think),
        new("grok-code-fast", 256_000, null, Does.Tools | Does.Think), new("grok-2-vision", 32_768, null, Does.See | Does.Tools),
        new("grok-4", 256_000, null, Does.See | Does.Tools | Does.Think), new("grok-3-mini", 131_072, null, Does.Tools | Does.Think),
        new("grok", 131_072, null, Does.Tools),
        new("kimi-k2-0711", 128 * K, null, Does.Tools), new("kimi-latest", 128 * K, null, Does.See | Does.Tools),
        new("kimi-k2.5", 256 * K, null, Does.See | Does.Tools | Does.Think),
        new("kimi-k2.6", 256 * K, null, Does.See | Does.Tools | Does.Think),
        new("kimi-k2-thinking", 256 * K, null, Does.Tools | Does.Think), new("kimi", 256 * K, null, Does.Tools),
        new("moonshot", 128 * K, null, Does.Tools),
        new("glm-4.5v", 65_536, 16_384, Does.See | Does.Tools | Does.Think), new("glm-4v", 8_192, null, Does.See),
        new("glm-4.6v", 128 * K, 32_768, Does.See | Does.Tools | Does.Think),
        new("glm-5", 200_000, 128_000, Does.Tools | Does.Think), new("glm-4.7", 200_000, 128_000, Does.Tools | Does.Think),
        new("glm-4-long", M10, 4_096, Does.Nothing),
        new("glm-4.6", 200_000, 128_000, Does.Tools | Does.Think), new("glm-4.5", 128_000, 96_000, Does.Tools | Does.Think),
        new("glm-4", 128_000, 4_096, Does.Tools),
        new("minimax-m1", M10, 80_000, Does.Tools | Does.Think), new("minimax-text", M10, null, Does.Tools),
        new("minimax-m", 204_800, null, Does.Tools | Does.Think), new("abab", 245_760, null, Does.Tools),
        new("ernie-4.5", 128 * K, null, Does.Tools), new("ernie-5", 128 * K, null, Does.See | Does.Tools | Does.Think),
        new("ernie", 32_768, null, Does.Tools),
        new("doubao-seed", 256 * K, 32_768, Does.See | Does.Tools | Does.Think), new("doubao", 128 * K, null, Does.Tools),
        new("seed-oss", 512 * K, null, Does.Tools | Does.Think), new("step-3", 64 * K, null, Does.See | Does.Tools | Does.Think),
        new("mimo-v2", 256 * K, null, Does.Tools | Does.Think), new("longcat", 128 * K, null, Does.Tools),
        new("baichuan", 32_768, null, Does.Nothing), new("internlm", 32_768, null, Does.Tools),
        new("hunyuan", 32_768, null, Does.Tools), new("yi-", 16_384, null, Does.Nothing),
        new("nova-premier", M10, null, Does.See | Does.Tools), new("nova-micro", 128_000, null, Does.Tools),
        new("nova-lite", 300_000, null, Does.See | Does.Tools), new("nova-pro", 300_000, null, Does.See | Does.Tools),
        new("sonar-pro", 200_000, 8_192, Does.Nothing), new("sonar", 128_000, null, Does.Nothing),
        new("jamba", 256_000, 4_096, Does.Tools), new("granite", 128 * K, null, Does.Tools),
        new("command-a", 256_000, 8_192, Does.Tools), new("command-r", 128_000, 4_096, Does.Tools),
        new("phi-4-multimodal", 128_000, 4_096, Does.See), new("phi-4-reasoning", 32_768, null, Does.Think),
        new("phi-4-mini", 128_000, 4_096, Does.Tools), new("phi4-mini", 128_000, 4_096, Does.Tools),
        new("phi-4", 16_384, null, Does.Nothing),
        new("phi4", 16_384, null, Does.Nothing), new("phi-3", 128_000, 4_096, Does.Nothing), new("minicpm-v", 32_768, null, Does.See),
        new("llava", 4_096, null, Does.See), new("moondream", 2_048, null, Does.See),
        new("nemotron", 128 * K, null, Does.Tools | Does.Think),
    ];

    [Flags]
    private enum Does
    {
        Nothing = 0,
        See = 1,
        Tools = 2,
        Think = 4,
        Draw = 8,
        NoChat = 16,
    }

    /// <summary>The properties of the id's family; an unknown family leaves all of them open.</summary>
    public static (CapabilityLayer Capabilities, int? ContextLimit, int? MaxOutputTokens) Guess(string model)
    {
        var id = model.ToLowerInvariant();
        foreach (var family in Known)
        {
            if (StartsWord(id, family.Piece))
            {
                var limit = family.Does.HasFlag(Does.NoChat) ? family.ContextLimit : SaidByName(id) ?? family.ContextLimit;
                return (Layer(family.Does), limit, family.MaxOutputTokens);
            }
        }

        return (CapabilityLayer.Silent, SaidByName(id), null);
    }

    /// <summary>The context that many ids name, as in moonshot-v1-32k and phi-3-mini-128k-instruct.</summary>
    private static int? SaidByName(string id)
    {
        foreach (var word in id.Split('-', '_', '/', ':', '.', '@'))
        {
            if (word.Length is > 1 and <= 5 && word[^1] == 'k'
                && int.TryParse(word.AsSpan(0, word.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var thousands)
                && thousands is >= 4 and <= 10_000)
            {
                return thousands * K;
            }
        }

        return null;
    }

    private static CapabilityLayer Layer(Does does) => new()
    {
        Vision = does.HasFlag(Does.See) ? true : null,
        Tools = does.HasFlag(Does.Tools) ? true : null,
        Reasoning = does.HasFlag(Does.Think) ? true : null,
        ImageGeneration = does.HasFlag(Does.Draw) ? true : null,
        Chat = does.HasFlag(Does.NoChat) ? false : null,
    };

    private static bool StartsWord(string id, string piece)
    {
        for (var at = id.IndexOf(piece, StringComparison.Ordinal); at >= 0; at = id.IndexOf(piece, at + 1, StringComparison.Ordinal))
        {
            if (at == 0 || !char.IsAsciiLetterOrDigit(id[at - 1]))
            {
                return true;
            }
        }

        return false;
    }

    private sealed record Family(string Piece, int? ContextLimit, int? MaxOutputTokens, Does Does);
}
