namespace AiChat.Providers.Transport;

/// <summary>
/// Base URLs that were probably meant where one leads nowhere: the version forgotten, or the address of one request pasted. All of them
/// are at the same origin, so a key may be tried there.
/// </summary>
internal static class LikelyAddresses
{
    /// <summary>The ends of addresses of requests, which people copy from a vendor's examples.</summary>
    private static readonly string[] Requests =
    [
        "/chat/completions", "/completions", "/responses", "/messages", "/models", "/embeddings", "/images/generations",
        "/api/chat", "/api/generate", "/api/tags", "/api/show", "/count_tokens", "/deployments", "/chat",
    ];

    /// <summary>
    /// Where vendors have the API: most; OpenRouter; Groq; DeepInfra; Qwen; Zhipu; Volcengine; Qianfan and Spark; Fireworks; Gemini;
    /// Cohere; Infini-AI; Novita and PPIO; Open WebUI.
    /// </summary>
    private static readonly string[] Versions =
    [
        "/v1", "/api/v1", "/openai/v1", "/v1/openai", "/compatible-mode/v1", "/api/paas/v4", "/api/v3", "/v2", "/inference/v1",
        "/v1beta/openai", "/compatibility/v1", "/maas/v1", "/v3/openai", "/api",
    ];

    /// <summary>Where they have Anthropic's: DeepSeek, Moonshot and MiniMax; Zhipu; Qwen; Kimi Code; OpenRouter.</summary>
    private static readonly string[] Messages = ["/anthropic", "/api/anthropic", "/apps/anthropic", "/coding", "/api"];

    /// <summary>Each is a call; those of a wrong server end soon.</summary>
    private const int MaxTried = 16;

    /// <summary>The addresses to try, the likeliest first; never the one that was given.</summary>
    public static IReadOnlyList<Uri> For(Uri baseUrl, string provider)
    {
        var path = baseUrl.AbsolutePath.TrimEnd('/');
        var root = Stripped(path);
        IEnumerable<string> paths = provider switch
        {
            "anthropic" => [root, Without(root, "/v1"), .. Messages.Select(place => Without(root, "/v1") + place)],
            "google_genai" => [Without(root, "/openai"), Without(root, "/v1"), "", "/v1beta"],
            "ollama" => [root, Without(Without(root, "/v1"), "/api"), ""],
            "azure_openai" => [root, "", "/openai/v1"],
            _ => HasVersion(root) ? [root, Without(root, "/v1"), .. Versions] : [root, .. Versions.Select(version => root + version)],
        };
        return [.. paths.Distinct().Where(other => other != path).Take(MaxTried).Select(other =>
            new Uri($"{baseUrl.GetLeftPart(UriPartial.Authority)}{other}"))];
    }

    private static string Stripped(string path)
    {
        for (var before = ""; before != path;)
        {
            before = path;
            foreach (var end in Requests)
            {
                path = Without(path, end);
            }

            // models/gemini-x:generateContent, deployments/my-gpt
            var last = path.LastIndexOf('/');
            var parent = last > 0 ? path[..last] : "";
            if (parent.EndsWith("/models", StringComparison.Ordinal) || parent.EndsWith("/deployments", StringComparison.Ordinal))
            {
                path = parent;
            }
        }

        return path;
    }

    private static string Without(string path, string end) =>
        path.EndsWith(end, StringComparison.OrdinalIgnoreCase) ? path[..^end.Length] : path;

    private static bool HasVersion(string path)
    {
        var last = path[(path.LastIndexOf('/') + 1)..];
        return last is ['v', >= '0' and <= '9', ..];
    }
}
