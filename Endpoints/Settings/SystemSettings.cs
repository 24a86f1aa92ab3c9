using System.Collections.Frozen;
using System.Text.Json;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Secrets;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// What an administrator has set, in memory: reading costs nothing and is always what was last stored.
/// <see cref="SettingTable"/> has the names, defaults and bounds.
/// </summary>
internal sealed class SystemSettings(SettingStore store, ServerOptions options, SecretCipher cipher, Redactor redactor, TimeProvider clock) : IHostedService, IDisposable
{
    private const string SearchKey = "webSearchApiKey";

    private readonly SemaphoreSlim _changing = new(1);
    private volatile FrozenDictionary<string, object?> _values = FrozenDictionary<string, object?>.Empty;

    public bool RegistrationEnabled => Flag("registrationEnabled");

    public string BrandText => Text("brandText");

    public string LoginNotice => Text("loginNotice");

    public string WelcomeText => Text("welcomeText");

    public int AccentHue => Number("accentHue");

    /// <summary>Null = the browser's language.</summary>
    public string? DefaultLocale => Text("defaultLocale") is var locale && locale == "system" ? null : locale;

    /// <summary>The address people use, with scheme; empty = relative links.</summary>
    public string SiteBaseUrl => Text("siteBaseUrl");

    /// <summary>0 = for ever.</summary>
    public int ChatImageRetentionDays => Number("chatImageRetentionDays");

    /// <summary>Bytes that all images of one user may take.</summary>
    public long ImageStoragePerUser => Number("imageStorageMbPerUser") is > 0 and var limit ? limit * 1024L * 1024 : long.MaxValue;

    /// <summary>How long after its last activity a temporary chat is deleted.</summary>
    public TimeSpan TemporaryChatLife => TimeSpan.FromHours(Number("temporaryChatHours"));

    public int AssistantReplyHistoryLimit => Number("assistantReplyHistoryLimit");

    /// <summary>0 = no guests.</summary>
    public int AnonymousDailyQuota => Number("anonymousDailyQuota");

    /// <summary>Messages a day of all guests together; null = unlimited.</summary>
    public long? AnonymousTotalDailyQuota => Limit("anonymousTotalDailyQuota");

    public int AnonymousRetentionDays => Number("anonymousRetentionDays");

    /// <summary>Messages a day; null = unlimited.</summary>
    public long? DefaultUserDailyQuota => Limit("defaultUserDailyQuota");

    /// <summary>Tokens; null = no budget.</summary>
    public long? DefaultDailyTokenBudget => Limit("defaultDailyTokenBudget");

    public long? DefaultMonthlyTokenBudget => Limit("defaultMonthlyTokenBudget");

    /// <summary>In the installation's currency; null = no budget.</summary>
    public decimal? DefaultDailyMoneyBudget => Amount("defaultDailyMoneyBudget");

    public decimal? DefaultMonthlyMoneyBudget => Amount("defaultMonthlyMoneyBudget");

    public int MaxRuns => Number("maxRuns");

    public int MaxRunsPerUser => Number("maxRunsPerUser");

    public int RequestsPerMinute => Number("requestsPerMinute");

    public int SseHeartbeatIntervalMs => Number("sseHeartbeatIntervalMs");

    public int ProviderConnectTimeoutMs => Number("providerConnectTimeoutMs");

    /// <summary>Of a whole call.</summary>
    public int ProviderTimeoutMs => Number("providerTimeoutMs");

    public int ProviderInitialGraceMs => Number("providerInitialGraceMs");

    public int ProviderMaxIdleMs => Number("providerMaxIdleMs");

    public int ProviderReasoningIdleMs => Number("providerReasoningIdleMs");

    /// <summary>The five limits above as one call takes them; 0 means as long as the whole.</summary>
    public ChatTimeouts Timeouts
    {
        get
        {
            var total = ProviderTimeoutMs;
            TimeSpan Within(int limit) => TimeSpan.FromMilliseconds(limit == 0 ? total : Math.Min(limit, total));
            return new ChatTimeouts
            {
                Connect = Within(ProviderConnectTimeoutMs),
                FirstByte = Within(ProviderInitialGraceMs),
                Idle = Within(ProviderMaxIdleMs),
                ReasoningIdle = Within(ProviderReasoningIdleMs),
                Total = TimeSpan.FromMilliseconds(total),
            };
        }
    }

    /// <summary>How often the same model is asked again before its answer begins.</summary>
    public int ProviderMaxRetries => Number("providerMaxRetries");

    public int StreamDeltaFlushIntervalMs => Number("streamDeltaFlushIntervalMs");

    public bool UsageEmit => Flag("usageEmit");

    public int DefaultContextTokenLimit => Number("defaultContextTokenLimit");

    /// <summary>Public ids of the models that stand in for one that fails, in order.</summary>
    public IReadOnlyList<string> FallbackModels => (string[])Value("fallbackModels")!;

    /// <summary>Public id of the model that names chats; empty = they keep the title of their first message.</summary>
    public string TitleModel => Text("titleModel");

    public TimeSpan ModelsRefreshInterval => TimeSpan.FromSeconds(Number("modelsRefreshIntervalS"));

    public bool ReasoningEnabled => Flag("reasoningEnabled");

    public bool ReasoningDefaultExpand => Flag("reasoningDefaultExpand");

    public bool ReasoningSaveToDb => Flag("reasoningSaveToDb");

    public string ReasoningTagsMode => Text("reasoningTagsMode");

    public string ReasoningCustomTags => Text("reasoningCustomTags");

    /// <summary>The tag pairs that the two settings above mean.</summary>
    public IReadOnlyList<ReasoningTag> ReasoningTags => ReasoningTagsMode switch
    {
        "off" => [],
        "custom" when StoredJson.Read(ReasoningCustomTags, CatalogRowJson.Default.StringArray) is [var open, var close] => [new ReasoningTag(open, close)],
        "custom" => [],
        _ => ReasoningTag.Defaults,
    };

    /// <summary>Null = not sent.</summary>
    public int? ReasoningMaxOutputTokensDefault => (int?)(long?)Value("reasoningMaxOutputTokensDefault");

    /// <summary>Null = not sent.</summary>
    public ReasoningEffort? OpenaiReasoningEffort => Enum.TryParse<ReasoningEffort>(Text("openaiReasoningEffort"), ignoreCase: true, out var effort) ? effort : null;

    public bool OllamaThink => Flag("ollamaThink");

    public bool WebSearchEnabled => Flag("webSearchEnabled");

    public string WebSearchEngine => Text("webSearchEngine");

    public string WebSearchEndpoint => Text("webSearchEndpoint");

    /// <summary>The endpoint is on this machine or in its own network.</summary>
    public bool WebSearchLocal => Flag("webSearchLocal");

    public int WebSearchResultLimit => Number("webSearchResultLimit");

    public IReadOnlyList<string> WebSearchDomainFilter => (string[])Value("webSearchDomainFilter")!;

    public bool TaskTraceEnabled => Flag("taskTraceEnabled");

    public bool TaskTraceDefaultOn => Flag("taskTraceDefaultOn");

    public bool TaskTraceAdminOnly => Flag("taskTraceAdminOnly");

    public string TaskTraceEnv => Text("taskTraceEnv");

    public int TaskTraceRetentionDays => Number("taskTraceRetentionDays");

    public int TaskTraceMaxEvents => Number("taskTraceMaxEvents");

    public int TaskTraceIdleTimeoutMs => Number("taskTraceIdleTimeoutMs");

    /// <summary>The value that holds: what is stored, else the operator's default, else ours. Null only where a setting may be unset.</summary>
    public object? Value(string key) => Get(_values, key);

    /// <summary>
    /// The key in clear, for the length of a call; null when none is set for this engine at this address or it cannot be read on this
    /// installation.
    /// </summary>
    public string? WebSearchApiKey => Place(_values, SearchKey) is var place && _values.TryGetValue(place, out var stored)
        ? Open(place, (string)stored!)
        : Value(SearchKey) as string;

    /// <summary>
    /// Stores the changes, null meaning the default again, and takes them over; when one breaks its rule nothing happens.
    /// </summary>
    /// <returns>The broken rules by key; empty when all is stored.</returns>
    public async Task<IReadOnlyDictionary<string, string[]>> Change(IReadOnlyDictionary<string, JsonElement> changes, long actorId, string ip)
    {
        await _changing.WaitAsync();
        try
        {
            var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
            var values = new Dictionary<string, object?>(_values, StringComparer.Ordinal);
            var stored = new Dictionary<string, string?>(StringComparer.Ordinal);
            // The search key belongs to the engine and address that the same change may set.
            foreach (var (key, json) in changes.OrderBy(change => change.Key == SearchKey))
            {
                if (Take(SettingTable.ByKey[key], json, values, stored) is { } broken)
                {
                    errors[key] = [broken];
                }
            }

            if (errors.Count == 0 && Get(values, "reasoningTagsMode") is "custom" && Get(values, "reasoningCustomTags") is "")
            {
                errors["reasoningCustomTags"] = ["The mode custom needs a pair of tags."];
            }

            if (errors.Count == 0 && stored.Count > 0)
            {
                await store.Put(stored, new AuditEntry(actorId, "settings.change", "settings", ip, Tell(stored)), clock.GetUtcNow());
                _values = values.ToFrozenDictionary(StringComparer.Ordinal);
            }

            return errors;
        }
        finally
        {
            _changing.Release();
        }
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var row in await store.List())
        {
            // A value that a newer rule refuses, or a key that is gone, counts as not set.
            if (SettingTable.ByKey.TryGetValue(Name(row.Key), out var definition) && Read(definition, row.Value) is { } value)
            {
                values[row.Key] = value;
                if (definition.IsSecret && Open(row.Key, row.Value) is { } secret)
                {
                    redactor.Add(secret);
                }
            }
        }

        _values = values.ToFrozenDictionary(StringComparer.Ordinal);
        if (WebSearchApiKey is { } key)
        {
            redactor.Add(key);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _changing.Dispose();

    /// <summary>The changes for the record, secrets by name only.</summary>
    private static string Tell(Dictionary<string, string?> stored) => string.Join(
        ", ", stored.Select(change => $"{change.Key} = {(change.Value is null ? "default" : SettingTable.ByKey[Name(change.Key)].IsSecret ? "(secret)" : change.Value)}"));

    /// <summary>Puts one change into both views of the settings, or gives the rule it breaks.</summary>
    private string? Take(SettingDefinition definition, JsonElement json, Dictionary<string, object?> values, Dictionary<string, string?> stored)
    {
        var place = Place(values, definition.Key);
        if (json.ValueKind == JsonValueKind.Null)
        {
            values.Remove(place);
            stored[place] = null;
            return null;
        }

        if (definition.IsSecret && json.ValueKind == JsonValueKind.Object)
        {
            return null; // what GET shows in place of a secret, sent back: it stays
        }

        if (definition.Read(json, out var broken) is not { } value)
        {
            return $"The value {broken}.";
        }

        if (definition.IsSecret)
        {
            redactor.Add((string)value);
            value = cipher.Seal(SecretPurpose.ProviderSecrets, Seal(place), (string)value);
            stored[place] = (string)value;
        }
        else
        {
            stored[place] = definition.ToJson(value).ToJsonString();
        }

        values[place] = value;
        return null;
    }

    private object? Get(IReadOnlyDictionary<string, object?> values, string key) =>
        values.TryGetValue(Place(values, key), out var value) ? value
        : key == SearchKey && Place(values, key) != Place(FrozenDictionary<string, object?>.Empty, key) ? null : Default(key);

    /// <summary>Where a value is kept: the search key for each engine and address apart, so that none is ever sent to another service.</summary>
    private string Place(IReadOnlyDictionary<string, object?> values, string key)
    {
        if (key != SearchKey)
        {
            return key;
        }

        var address = Uri.TryCreate((string)Get(values, "webSearchEndpoint")!, UriKind.Absolute, out var url) ? url.GetLeftPart(UriPartial.Authority) : "";
        return $"{key} {Get(values, "webSearchEngine")} {address}";
    }

    private static string Name(string place) => place.Split(' ')[0];

    private object? Default(string key) => options.SettingDefaults.TryGetValue(key, out var given) ? given : SettingTable.ByKey[key].Default;

    private static string Seal(string place) => $"settings|value|{place}|v1";

    private string? Open(string place, string text) => cipher.Open(SecretPurpose.ProviderSecrets, Seal(place), text);

    private static object? Read(SettingDefinition definition, string text)
    {
        if (definition.IsSecret)
        {
            return text;
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            return definition.Read(json.RootElement, out _);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private bool Flag(string key) => (bool)Value(key)!;

    private int Number(string key) => (int)(long)Value(key)!;

    private string Text(string key) => (string)Value(key)!;

    /// <summary>-1 stands for "none", because null stands for the default everywhere.</summary>
    private long? Limit(string key) => (long)Value(key)! is var limit && limit < 0 ? null : limit;

    private decimal? Amount(string key) => (decimal)Value(key)! is var amount && amount < 0 ? null : amount;
}
