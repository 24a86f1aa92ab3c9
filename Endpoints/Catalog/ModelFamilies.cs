namespace AiChat.Endpoints.Catalog;

/// <summary>
/// Known properties of model families, found by a part of the model's id. The lowest layer: it applies only where the administrator,
/// the connection and the provider leave a property open.
/// </summary>
internal static class ModelFamilies
{
    private const int K = 1_024;
    private const int M = 1_048_576;

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

        new("gpt-5", 400_000, 128_000, Does.See | Does.Tools | Does.Think),
        new("gpt-4.1", 1_047_576, 32_768, Does.See | Does.Tools), new("gpt-4.5", 128_000, 16_384, Does.See | Does.Tools),
        new("gpt-4o", 128_000, 16_384, Does.See | Does.Tools), new("chatgpt-4o", 128_000, 16_384, Does.See),
        new("gpt-4-turbo", 128_000, 4_096, Does.See | Does.Tools), new("gpt-4-32k", 32_768, 4_096, Does.Tools),
        new("gpt-4", 8_192, null, Does.Tools),
        new("gpt-3.5", 16_385, 4_096, Does.Tools), new("gpt-oss", 128 * K, null, Does.Tools | Does.Think),
        new("o1-mini", 128_000, 65_536, Does.Think), new("o1-preview", 128_000, 32_768, Does.Think),
        new("o3-mini", 200_000, 100_000, Does.Tools | Does.Think),
        new("o1", 200_000, 100_000, Does.See | Does.Tools | Does.Think), new("o3", 200_000, 100_000, Does.See | Does.Tools | Does.Think),
        new("o4-mini", 200_000, 100_000, Does.See | Does.Tools | Does.Think),

        new("claude-3-7", 200_000, 64_000, Does.See | Does.Tools | Does.Think), new("claude-3-5", 200_000, 8_192, Does.See | Does.Tools),
        new("claude-3.7", 200_000, 64_000, Does.See | Does.Tools | Does.Think), new("claude-3.5", 200_000, 8_192, Does.See | Does.Tools),
        new("claude-3", 200_000, 4_096, Does.See | Does.Tools), new("claude-opus-4-0", 200_000, 32_000, Does.See | Does.Tools | Does.Think),
        new("claude-opus-4", 200_000, 32_000, Does.See | Does.Tools | Does.Think),
        new("claude", 200_000, 64_000, Does.See | Does.Tools | Does.Think),

        new("gemini-2.5-flash-image", 32_768, 32_768, Does.See | Does.Draw), new("gemini-1.5-pro", 2 * M, 8_192, Does.See | Does.Tools),
        new("gemini-1.5", M, 8_192, Does.See | Does.Tools), new("gemini-2.0", M, 8_192, Does.See | Does.Tools),
        new("gemini", M, 65_536, Does.See | Does.Tools | Does.Think),
        new("gemma-3", 128 * K, 8_192, Does.See), new("gemma3", 128 * K, 8_192, Does.See), new("gemma", 8_192, null, Does.Nothing),

        new("deepseek-reasoner", 128_000, 64_000, Does.Think | Does.Tools), new("deepseek-r1", 128_000, 32_000, Does.Think),
        new("deepseek-chat", 128_000, 8_192, Does.Tools), new("deepseek", 128_000, null, Does.Tools),

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

        new("grok-4", 256_000, null, Does.See | Does.Tools | Does.Think), new("grok-3-mini", 131_072, null, Does.Tools | Does.Think),
        new("grok", 131_072, null, Does.Tools),
        new("kimi-k2-thinking", 256 * K, null, Does.Tools | Does.Think), new("kimi", 256 * K, null, Does.Tools),
        new("moonshot-v1-128k", 131_072, null, Does.Tools), new("moonshot-v1-32k", 32_768, null, Does.Tools),
        new("moonshot", 8_192, null, Does.Tools),
        new("glm-4.5v", 65_536, 16_384, Does.See | Does.Tools | Does.Think), new("glm-4v", 8_192, null, Does.See),
        new("glm-4.6", 200_000, 128_000, Does.Tools | Does.Think), new("glm-4.5", 128_000, 96_000, Does.Tools | Does.Think),
        new("glm-4", 128_000, 4_096, Does.Tools),
        new("minimax-m", 200_000, null, Does.Tools | Does.Think), new("ernie", 32_768, null, Does.Tools),
        new("doubao", 128_000, null, Does.Tools),
        new("hunyuan", 32_768, null, Does.Tools), new("yi-", 16_384, null, Does.Nothing),
        new("command-a", 256_000, 8_192, Does.Tools), new("command-r", 128_000, 4_096, Does.Tools),
        new("phi-4-multimodal", 128_000, 4_096, Does.See), new("phi-4-reasoning", 32_768, null, Does.Think),
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
                return (Layer(family.Does), family.ContextLimit, family.MaxOutputTokens);
            }
        }

        return (CapabilityLayer.Silent, null, null);
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
