using AiChat.Data;
using AiChat.Endpoints.Catalog;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Settings;

/// <summary>Every system setting, once: name, default, bounds, who reads it. The page, the API and the server share these lines.</summary>
internal static class SettingTable
{
    public static readonly IReadOnlyList<SettingDefinition> All =
    [
        // General.
        new FlagSetting("registrationEnabled", true) { IsPublic = true, Variables = ["DEFAULT_REGISTRATION_ENABLED", "REGISTRATION_ENABLED"] },
        new TextSetting("brandText", "AiChat", 1, 40) { IsPublic = true },
        new TextSetting("loginNotice", "", 0, 1_000) { IsPublic = true, HasLines = true },
        new TextSetting("welcomeText", "", 0, 500) { IsPublic = true, HasLines = true },
        // Where on the colour circle the accent is, in degrees; lightness is the page's, so that text stays readable.
        new NumberSetting("accentHue", 195, 0, 359) { IsPublic = true },
        Choice("defaultLocale", "system", "system", "en", "zh") with { IsPublic = true },
        new TextSetting("siteBaseUrl", "", 0, 200) { Check = SiteAddress },
        new NumberSetting("chatImageRetentionDays", 30, 0, 3_650),
        new NumberSetting("imageStorageMbPerUser", 1_024, 0, 1_000_000),
        new NumberSetting("temporaryChatHours", 24, 1, 8_760) { IsPublic = true },
        new NumberSetting("assistantReplyHistoryLimit", 5, 1, 20) { IsPublic = true },
        new NumberSetting("anonymousDailyQuota", 0, 0, 1_000_000) { IsPublic = true },
        // -1 = unlimited, because null stands for the default everywhere.
        new NumberSetting("anonymousTotalDailyQuota", 500, -1, 1_000_000),
        new NumberSetting("anonymousRetentionDays", 15, 0, 15) { IsPublic = true },
        new NumberSetting("defaultUserDailyQuota", 200, -1, 1_000_000) { IsPublic = true },
        new NumberSetting("defaultDailyTokenBudget", -1, -1, 1_000_000_000_000),
        new NumberSetting("defaultMonthlyTokenBudget", -1, -1, 1_000_000_000_000),
        new AmountSetting("defaultDailyMoneyBudget", -1, 1_000_000),
        new AmountSetting("defaultMonthlyMoneyBudget", -1, 1_000_000),

        // Limits.
        new NumberSetting("maxRuns", 4_096, 0, 100_000),
        new NumberSetting("maxRunsPerUser", 8, 0, 1_000) { IsPublic = true },
        new NumberSetting("requestsPerMinute", 240, 0, 1_000_000),

        // Network and streaming. 0 = no limit of its own; the total always holds.
        new NumberSetting("sseHeartbeatIntervalMs", 15_000, 1_000, 600_000),
        new NumberSetting("providerConnectTimeoutMs", 10_000, 1_000, 120_000),
        new NumberSetting("providerTimeoutMs", 600_000, 10_000, 3_600_000),
        new NumberSetting("providerInitialGraceMs", 120_000, 0, 3_600_000),
        new NumberSetting("providerMaxIdleMs", 90_000, 0, 3_600_000),
        new NumberSetting("providerReasoningIdleMs", 300_000, 0, 3_600_000),
        new NumberSetting("providerMaxRetries", 2, 0, 5),
        new NumberSetting("streamDeltaFlushIntervalMs", 0, 0, 3_600_000),
        new FlagSetting("usageEmit", true) { IsPublic = true },

        // Models and reasoning.
        new NumberSetting("defaultContextTokenLimit", 8_192, 256, 100_000_000),
        new ListSetting("fallbackModels", 10, ModelId),
        new TextSetting("titleModel", "", 0, 400),
        new NumberSetting("modelsRefreshIntervalS", 600, 60, 86_400) { Variables = ["MODELS_REFRESH_INTERVAL_S", "MODELS_TTL_S"] },
        new FlagSetting("reasoningEnabled", true) { IsPublic = true },
        new FlagSetting("reasoningDefaultExpand", false) { IsPublic = true },
        new FlagSetting("reasoningSaveToDb", true) { IsPublic = true },
        Choice("reasoningTagsMode", "default", "default", "custom", "off"),
        new TextSetting("reasoningCustomTags", "", 0, 200) { Check = TagPair },
        new NumberSetting("reasoningMaxOutputTokensDefault", null, 1, 256_000),
        Choice("openaiReasoningEffort", "unset", "unset", "minimal", "low", "medium", "high") with { IsPublic = true },
        new FlagSetting("ollamaThink", false),

        // Web search.
        new FlagSetting("webSearchEnabled", false) { IsPublic = true, Variables = ["WEB_SEARCH_ENABLED", "WEB_SEARCH_AGENT_ENABLE"] },
        Choice("webSearchEngine", "tavily", "tavily", "brave", "searxng", "exa") with { Variables = ["WEB_SEARCH_ENGINE", "WEB_SEARCH_DEFAULT_ENGINE"] },
        new TextSetting("webSearchApiKey", null, 1, 4_096) { IsSecret = true, Check = Key },
        new TextSetting("webSearchEndpoint", "", 0, 2_000) { Check = SearchAddress },
        new FlagSetting("webSearchLocal", false),
        new NumberSetting("webSearchResultLimit", 4, 1, 10),
        new ListSetting("webSearchDomainFilter", 100, Domain),

        // Task trace.
        new FlagSetting("taskTraceEnabled", false) { IsPublic = true },
        new FlagSetting("taskTraceDefaultOn", false) { IsPublic = true },
        new FlagSetting("taskTraceAdminOnly", true) { IsPublic = true },
        Choice("taskTraceEnv", "both", "dev", "prod", "both"),
        new NumberSetting("taskTraceRetentionDays", 7, 1, 365),
        new NumberSetting("taskTraceMaxEvents", 2_000, 100, 200_000),
        new NumberSetting("taskTraceIdleTimeoutMs", 30_000, 1_000, 600_000),
    ];

    public static readonly IReadOnlyDictionary<string, SettingDefinition> ByKey =
        All.ToDictionary(definition => definition.Key, StringComparer.Ordinal);

    /// <summary>The defaults that the operator's variables give, by key.</summary>
    /// <exception cref="StartupException">A value breaks its rule; the message names the variable.</exception>
    public static Dictionary<string, object?> ReadVariables(Func<string, string?> get)
    {
        var defaults = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var definition in All)
        {
            var name = definition.Variables.FirstOrDefault(variable => get(variable) is { Length: > 0 });
            if (name is not null)
            {
                defaults[definition.Key] = definition.Parse(get(name)!, out var broken);
                if (broken is not null)
                {
                    throw new StartupException(StartupException.Configuration, $"{name} is wrong: it {broken}.");
                }
            }
        }

        return defaults;
    }

    private static TextSetting Choice(string key, string value, params string[] choices) => new(key, value, 1, 20)
    {
        Check = text => choices.Contains(text, StringComparer.Ordinal) ? null : $"is one of {string.Join(", ", choices)}",
    };

    private static string? SiteAddress(string text) =>
        IsAddress(text) ? null : "starts with http:// or https:// and has no user name, query or fragment";

    private static string? SearchAddress(string text) =>
        IsAddress(text) ? null : "starts with http:// or https:// and has no user name, query or fragment";

    private static bool IsAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0
        && !text.Contains('@') && !text.Contains('?') && !text.Contains('#') && !text.Contains('\\') && !text.Contains(' ');

    private static string? Key(string text) =>
        ProviderHeaders.ValidateKey(text) is null ? null : "has at most 4096 printable characters of ASCII and no spaces";

    private static string? TagPair(string text) =>
        StoredJson.Read(text, CatalogRowJson.Default.StringArray) is [{ Length: > 0 } open, { Length: > 0 } close] && open != close
            ? null : "is a JSON list of an opening and a closing tag, such as [\"<think>\",\"</think>\"]";

    private static string? ModelId(string text) =>
        text.Length is > 0 and <= 400 && !text.Any(char.IsControl) ? null : "holds ids of models as the catalogue shows them";

    private static string? Domain(string text) =>
        text.Length <= 253 && Uri.CheckHostName(text) == UriHostNameType.Dns ? null : "holds domain names such as example.org";
}
