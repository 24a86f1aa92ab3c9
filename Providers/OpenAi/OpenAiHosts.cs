namespace AiChat.Providers.OpenAi;

/// <summary>Vendors behind the compatible protocol that have their own name for the reasoning switch.</summary>
internal enum OpenAiHost
{
    Other,
    OpenAi,
    OpenRouter,
    DeepSeek,
    Zhipu,
    Qwen,
    Mistral,
    Moonshot,
}

internal static class OpenAiHosts
{
    public static OpenAiHost Find(Uri baseUrl) => Under(baseUrl, "openai.com") ? OpenAiHost.OpenAi
        : Under(baseUrl, "openrouter.ai") ? OpenAiHost.OpenRouter
        : Under(baseUrl, "deepseek.com") ? OpenAiHost.DeepSeek
        : Under(baseUrl, "bigmodel.cn") || Under(baseUrl, "z.ai") ? OpenAiHost.Zhipu
        : Under(baseUrl, "mistral.ai") ? OpenAiHost.Mistral
        : Under(baseUrl, "moonshot.cn") || Under(baseUrl, "moonshot.ai") || Under(baseUrl, "kimi.com") ? OpenAiHost.Moonshot
        : Under(baseUrl, "aliyuncs.com") || Under(baseUrl, "siliconflow.cn") ? OpenAiHost.Qwen : OpenAiHost.Other;

    /// <summary>
    /// The member that marks a last turn of the assistant as the beginning of the answer; null where there is none (Mistral docs: "Prefix";
    /// DeepSeek docs: "Chat Prefix Completion (Beta)"; Moonshot and Qwen docs: "Partial Mode").
    /// </summary>
    public static string? PrefixMember(Uri baseUrl) => Find(baseUrl) switch
    {
        OpenAiHost.Mistral => "prefix",
        OpenAiHost.DeepSeek when baseUrl.AbsolutePath.Contains("/beta", StringComparison.Ordinal) => "prefix",
        OpenAiHost.Moonshot => "partial",
        OpenAiHost.Qwen when Under(baseUrl, "aliyuncs.com") => "partial",
        _ => null,
    };

    private static bool Under(Uri url, string domain) =>
        url.Host.EndsWith(domain, StringComparison.OrdinalIgnoreCase)
        && (url.Host.Length == domain.Length || url.Host[^(domain.Length + 1)] == '.');
}
