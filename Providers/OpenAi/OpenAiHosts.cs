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
}

internal static class OpenAiHosts
{
    public static OpenAiHost Find(Uri baseUrl) => Under(baseUrl, "openai.com") ? OpenAiHost.OpenAi
        : Under(baseUrl, "openrouter.ai") ? OpenAiHost.OpenRouter
        : Under(baseUrl, "deepseek.com") ? OpenAiHost.DeepSeek
        : Under(baseUrl, "bigmodel.cn") || Under(baseUrl, "z.ai") ? OpenAiHost.Zhipu
        : Under(baseUrl, "aliyuncs.com") || Under(baseUrl, "siliconflow.cn") ? OpenAiHost.Qwen : OpenAiHost.Other;

    private static bool Under(Uri url, string domain) =>
        url.Host.EndsWith(domain, StringComparison.OrdinalIgnoreCase)
        && (url.Host.Length == domain.Length || url.Host[^(domain.Length + 1)] == '.');
}
