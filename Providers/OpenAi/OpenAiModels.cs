using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.OpenAi;

/// <summary>Reads model lists of OpenAI-compatible servers, which give the limits under many names.</summary>
internal static class OpenAiModels
{
    public static IReadOnlyList<ProviderModel> Read(JsonElement root)
    {
        var list = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("data", out var data) ? data
            : root.ValueKind == JsonValueKind.Object && root.TryGetProperty("models", out var models) ? models : root;
        return ProviderModels.Read(list, Read);
    }

    private static ProviderModel? Read(JsonElement item, string? id)
    {
        id ??= item.Text("id");
        if (id is null)
        {
            return null;
        }

        var capabilities = item.Child("capabilities");
        var parameters = item.Child("supported_parameters");
        return new ProviderModel(id)
        {
            Name = item.Text("name") ?? item.Text("display_name"),
            ContextLimit = item.Number("context_length") ?? item.Number("max_model_len") ?? item.Number("context_window")
                ?? item.Number("max_context_length") ?? item.Child("meta").Number("n_ctx_train"),
            MaxOutputTokens = item.Child("top_provider").Number("max_completion_tokens")
                ?? item.Number("max_completion_tokens") ?? item.Number("max_output_tokens"),
            Vision = capabilities.Flag("vision") ?? item.Child("architecture").Child("input_modalities").Contains("image"),
            Tools = capabilities.Flag("function_calling") ?? parameters.Contains("tools"),
            Reasoning = capabilities.Flag("reasoning") ?? parameters.Contains("reasoning"),
            ImageGeneration = item.Child("architecture").Child("output_modalities").Contains("image"),
            Chat = capabilities.Flag("completion_chat") ?? capabilities.Flag("chat_completion")
                ?? (item.Text("type") is "embeddings" or "embedding" ? false : null),
        };
    }
}
