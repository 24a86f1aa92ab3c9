using System.Numerics;
using AiChat.Data;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// Every system setting, once: key, default, bounds, who may read it. The server reads a value by its handle, the API and the page by its
/// key. A key is part of the API and of the stored data, so it never changes.
/// </summary>
internal static class SettingTable
{
    // Before the handles, whose initialisers add to it.
    private static readonly List<SettingDefinition> Declared = [];

    // General.
    public static readonly Setting<bool> RegistrationEnabled = Add(
        new FlagSetting("registrationEnabled", true)
        {
            IsPublic = true,
            Variables = ["DEFAULT_REGISTRATION_ENABLED", "REGISTRATION_ENABLED"],
        });
    public static readonly Setting<string> BrandText = Add(new TextSetting("brandText", "AiChat", 1, 40) { IsPublic = true });
    public static readonly Setting<string> LoginNotice = Add(
        new TextSetting("loginNotice", "", 0, 1_000) { IsPublic = true, HasLines = true });
    public static readonly Setting<string> WelcomeText = Add(
        new TextSetting("welcomeText", "", 0, 500) { IsPublic = true, HasLines = true });
    // Degrees on the colour circle. The page chooses the lightness, so that text stays readable.
    public static readonly Setting<int> AccentHue = Add(Number("accentHue", 195, 0, 359) with { IsPublic = true });
    public static readonly Setting<string> DefaultLocale = Add(
        Choice("defaultLocale", "system", "system", "en", "zh") with { IsPublic = true });
    public static readonly Setting<string> SiteBaseUrl = Add(new TextSetting("siteBaseUrl", "", 0, 200) { Check = Address });
    public static readonly Setting<int> ChatImageRetentionDays = Add(Number("chatImageRetentionDays", 30, 0, 3_650));
    public static readonly Setting<int> ImageStorageMbPerUser = Add(Number("imageStorageMbPerUser", 1_024, 0, 1_000_000));
    public static readonly Setting<int> TemporaryChatHours = Add(Number("temporaryChatHours", 24, 1, 8_760) with { IsPublic = true });
    public static readonly Setting<int> AssistantReplyHistoryLimit = Add(
        Number("assistantReplyHistoryLimit", 5, 1, 20) with { IsPublic = true });
    public static readonly Setting<int> AnonymousDailyQuota = Add(Number("anonymousDailyQuota", 0, 0, 1_000_000) with { IsPublic = true });
    // -1 = unlimited, because null means the default in every setting.
    public static readonly Setting<long> AnonymousTotalDailyQuota = Add(Number("anonymousTotalDailyQuota", 500L, -1, 1_000_000));
    public static readonly Setting<int> AnonymousRetentionDays = Add(Number("anonymousRetentionDays", 15, 0, 15) with { IsPublic = true });
    public static readonly Setting<long> DefaultUserDailyQuota = Add(
        Number("defaultUserDailyQuota", 200L, -1, 1_000_000) with { IsPublic = true });
    public static readonly Setting<long> DefaultDailyTokenBudget = Add(Number("defaultDailyTokenBudget", -1L, -1, 1_000_000_000_000));
    public static readonly Setting<long> DefaultMonthlyTokenBudget = Add(Number("defaultMonthlyTokenBudget", -1L, -1, 1_000_000_000_000));
    public static readonly Setting<decimal> DefaultDailyMoneyBudget = Add(new AmountSetting("defaultDailyMoneyBudget", -1, 1_000_000));
    public static readonly Setting<decimal> DefaultMonthlyMoneyBudget = Add(new AmountSetting("defaultMonthlyMoneyBudget", -1, 1_000_000));

    // Limits.
    public static readonly Setting<int> MaxRuns = Add(Number("maxRuns", 4_096, 0, 100_000));
    public static readonly Setting<int> MaxRunsPerUser = Add(Number("maxRunsPerUser", 8, 0, 1_000) with { IsPublic = true });
    public static readonly Setting<int> RequestsPerMinute = Add(Number("requestsPerMinute", 240, 0, 1_000_000));

    // Network and streaming. 0 = no limit of its own; the limit of the whole call always applies.
    public static readonly Setting<int> SseHeartbeatIntervalMs = Add(Number("sseHeartbeatIntervalMs", 15_000, 1_000, 600_000));
    public static readonly Setting<int> ProviderConnectTimeoutMs = Add(Number("providerConnectTimeoutMs", 10_000, 1_000, 120_000));
    public static readonly Setting<int> ProviderTimeoutMs = Add(Number("providerTimeoutMs", 600_000, 10_000, 3_600_000));
    public static readonly Setting<int> ProviderInitialGraceMs = Add(Number("providerInitialGraceMs", 120_000, 0, 3_600_000));
    public static readonly Setting<int> ProviderMaxIdleMs = Add(Number("providerMaxIdleMs", 90_000, 0, 3_600_000));
    public static readonly Setting<int> ProviderReasoningIdleMs = Add(Number("providerReasoningIdleMs", 300_000, 0, 3_600_000));
    public static readonly Setting<int> ProviderMaxRetries = Add(Number("providerMaxRetries", 2, 0, 5));
    public static readonly Setting<int> StreamDeltaFlushIntervalMs = Add(Number("streamDeltaFlushIntervalMs", 0, 0, 3_600_000));
    public static readonly Setting<bool> UsageEmit = Add(new FlagSetting("usageEmit", true) { IsPublic = true });

    // Models and reasoning.
    public static readonly Setting<int> DefaultContextTokenLimit = Add(Number("defaultContextTokenLimit", 8_192, 256, 100_000_000));
    public static readonly Setting<string[]> FallbackModels = Add(new ListSetting("fallbackModels", 10, ModelId));
    public static readonly Setting<string> TitleModel = Add(new TextSetting("titleModel", "", 0, 400));
    public static readonly Setting<int> ModelsRefreshIntervalS = Add(
        Number("modelsRefreshIntervalS", 600, 60, 86_400) with { Variables = ["MODELS_REFRESH_INTERVAL_S", "MODELS_TTL_S"] });
    public static readonly Setting<bool> ReasoningEnabled = Add(new FlagSetting("reasoningEnabled", true) { IsPublic = true });
    public static readonly Setting<bool> ReasoningDefaultExpand = Add(new FlagSetting("reasoningDefaultExpand", false) { IsPublic = true });
    public static readonly Setting<bool> ReasoningSaveToDb = Add(new FlagSetting("reasoningSaveToDb", true) { IsPublic = true });
    public static readonly Setting<string> ReasoningTagsMode = Add(Choice("reasoningTagsMode", "default", "default", "custom", "off"));
    public static readonly Setting<string> ReasoningCustomTags = Add(
        new TextSetting("reasoningCustomTags", "", 0, 200) { Check = TagPair });
    public static readonly Setting<int> ReasoningMaxOutputTokensDefault = Add(
        new NumberSetting<int>("reasoningMaxOutputTokensDefault", null, 1, 256_000));
    public static readonly Setting<string> OpenaiReasoningEffort = Add(
        Choice("openaiReasoningEffort", "unset", "unset", "minimal", "low", "medium", "high") with { IsPublic = true });
    public static readonly Setting<bool> OllamaThink = Add(new FlagSetting("ollamaThink", false));

    // Web search.
    public static readonly Setting<bool> WebSearchEnabled = Add(
        new FlagSetting("webSearchEnabled", false) { IsPublic = true, Variables = ["WEB_SEARCH_ENABLED", "WEB_SEARCH_AGENT_ENABLE"] });
    public static readonly Setting<string> WebSearchEngine = Add(
        Choice("webSearchEngine", "tavily", "tavily", "brave", "searxng", "exa") with
        {
            Variables = ["WEB_SEARCH_ENGINE", "WEB_SEARCH_DEFAULT_ENGINE"],
        });
    public static readonly Setting<string> WebSearchApiKey = Add(
        new TextSetting("webSearchApiKey", null, 1, 4_096) { IsSecret = true, Check = Key });
    public static readonly Setting<string> WebSearchEndpoint = Add(new TextSetting("webSearchEndpoint", "", 0, 2_000) { Check = Address });
    public static readonly Setting<bool> WebSearchLocal = Add(new FlagSetting("webSearchLocal", false));
    public static readonly Setting<int> WebSearchResultLimit = Add(Number("webSearchResultLimit", 4, 1, 10));
    public static readonly Setting<string[]> WebSearchDomainFilter = Add(new ListSetting("webSearchDomainFilter", 100, Domain));

    // Task trace.
    public static readonly Setting<bool> TaskTraceEnabled = Add(new FlagSetting("taskTraceEnabled", false) { IsPublic = true });
    public static readonly Setting<bool> TaskTraceDefaultOn = Add(new FlagSetting("taskTraceDefaultOn", false) { IsPublic = true });
    public static readonly Setting<bool> TaskTraceAdminOnly = Add(new FlagSetting("taskTraceAdminOnly", true) { IsPublic = true });
    public static readonly Setting<string> TaskTraceEnv = Add(Choice("taskTraceEnv", "both", "dev", "prod", "both"));
    public static readonly Setting<int> TaskTraceRetentionDays = Add(Number("taskTraceRetentionDays", 7, 1, 365));
    public static readonly Setting<int> TaskTraceMaxEvents = Add(Number("taskTraceMaxEvents", 2_000, 100, 200_000));
    public static readonly Setting<int> TaskTraceIdleTimeoutMs = Add(Number("taskTraceIdleTimeoutMs", 30_000, 1_000, 600_000));

    /// <summary>In the order of their declaration.</summary>
    public static readonly IReadOnlyList<SettingDefinition> All = Declared;

    public static readonly IReadOnlyDictionary<string, SettingDefinition> ByKey =
        All.ToDictionary(definition => definition.Key, StringComparer.Ordinal);

    /// <summary>The defaults from environment variables, by key.</summary>
    /// <param name="get">Returns the value of a variable, or null.</param>
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

    private static T Add<T>(T setting)
        where T : SettingDefinition
    {
        Declared.Add(setting);
        return setting;
    }

    private static NumberSetting<T> Number<T>(string key, T value, T min, T max)
        where T : struct, IBinaryInteger<T> => new(key, value, min, max);

    private static TextSetting Choice(string key, string value, params string[] choices) => new(key, value, 1, 20)
    {
        Check = text => choices.Contains(text, StringComparer.Ordinal) ? null : $"is one of {string.Join(", ", choices)}",
    };

    private static string? Address(string text) =>
        IsAddress(text) ? null : "starts with http:// or https:// and has no user name, query or fragment";

    private static bool IsAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0
        && !text.Contains('@') && !text.Contains('?') && !text.Contains('#') && !text.Contains('\\') && !text.Contains(' ');

    private static string? Key(string text) =>
        ProviderHeaders.ValidateKey(text) is null ? null : "has at most 4096 printable characters of ASCII and no spaces";

    private static string? TagPair(string text) =>
        StoredJson.Read(text, SettingsJson.Default.StringArray) is [{ Length: > 0 } open, { Length: > 0 } close] && open != close
            ? null : "is a JSON list of an opening and a closing tag, such as [\"<think>\",\"</think>\"]";

    private static string? ModelId(string text) =>
        text.Length is > 0 and <= 400 && !text.Any(char.IsControl) ? null : "holds ids of models as the catalogue shows them";

    private static string? Domain(string text) =>
        text.Length <= 253 && Uri.CheckHostName(text) == UriHostNameType.Dns ? null : "holds domain names such as example.org";
}
