using System.Collections.Frozen;
using System.Numerics;
using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Variables;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// The values of all settings, in memory: a read needs no query and gives what was stored last.
/// <see cref="SettingTable"/> has the keys, defaults and bounds.
/// </summary>
internal sealed class SystemSettings(
    SettingStore store, ServerOptions options, SecretCipher cipher, Redactor redactor, TimeProvider clock) : IHostedService, IDisposable
{
    private static readonly string SearchKey = SettingTable.WebSearchApiKey.Key;

    private readonly SemaphoreSlim _changing = new(1);
    private volatile FrozenDictionary<string, object?> _values = FrozenDictionary<string, object?>.Empty;

    public bool RegistrationEnabled => Read(SettingTable.RegistrationEnabled);

    public string BrandText => Read(SettingTable.BrandText);

    public string LoginNotice => Read(SettingTable.LoginNotice);

    public string WelcomeText => Read(SettingTable.WelcomeText);

    public string[] Suggestions => Read(SettingTable.Suggestions);

    public int AccentHue => Read(SettingTable.AccentHue);

    /// <summary>Null = the language of the browser.</summary>
    public string? DefaultLocale => Read(SettingTable.DefaultLocale) is var locale and not "system" ? locale : null;

    /// <summary>The public address of the site, with scheme; empty = relative links.</summary>
    public string SiteBaseUrl => Read(SettingTable.SiteBaseUrl);

    /// <summary>0 = unlimited.</summary>
    public int ChatImageRetentionDays => Read(SettingTable.ChatImageRetentionDays);

    public long ImportMaxBytes => Read(SettingTable.ImportMaxMb) * 1024L * 1024;

    /// <summary>Bytes that all images of one user may occupy.</summary>
    public long ImageStoragePerUser => Read(SettingTable.ImageStorageMbPerUser) is > 0 and var limit ? limit * 1024L * 1024 : long.MaxValue;

    /// <summary>How long after its last activity a temporary chat is deleted.</summary>
    public TimeSpan TemporaryChatLife => TimeSpan.FromHours(Read(SettingTable.TemporaryChatHours));

    public int AssistantReplyHistoryLimit => Read(SettingTable.AssistantReplyHistoryLimit);

    /// <summary>0 = no guests.</summary>
    public int AnonymousDailyQuota => Read(SettingTable.AnonymousDailyQuota);

    /// <summary>Messages a day by all guests together; null = unlimited.</summary>
    public long? AnonymousTotalDailyQuota => Limit(SettingTable.AnonymousTotalDailyQuota);

    public int AnonymousRetentionDays => Read(SettingTable.AnonymousRetentionDays);

    /// <summary>Messages a day; null = unlimited.</summary>
    public long? DefaultUserDailyQuota => Limit(SettingTable.DefaultUserDailyQuota);

    /// <summary>Tokens; null = no budget.</summary>
    public long? DefaultDailyTokenBudget => Limit(SettingTable.DefaultDailyTokenBudget);

    public long? DefaultMonthlyTokenBudget => Limit(SettingTable.DefaultMonthlyTokenBudget);

    /// <summary>In the installation's currency; null = no budget.</summary>
    public decimal? DefaultDailyMoneyBudget => Limit(SettingTable.DefaultDailyMoneyBudget);

    public decimal? DefaultMonthlyMoneyBudget => Limit(SettingTable.DefaultMonthlyMoneyBudget);

    public int MaxRuns => Read(SettingTable.MaxRuns);

    public int MaxRunsPerUser => Read(SettingTable.MaxRunsPerUser);

    public int RequestsPerMinute => Read(SettingTable.RequestsPerMinute);

    public int SseHeartbeatIntervalMs => Read(SettingTable.SseHeartbeatIntervalMs);

    public int ProviderConnectTimeoutMs => Read(SettingTable.ProviderConnectTimeoutMs);

    /// <summary>Limit of a whole call.</summary>
    public int ProviderTimeoutMs => Read(SettingTable.ProviderTimeoutMs);

    public int ProviderInitialGraceMs => Read(SettingTable.ProviderInitialGraceMs);

    public int ProviderMaxIdleMs => Read(SettingTable.ProviderMaxIdleMs);

    public int ProviderReasoningIdleMs => Read(SettingTable.ProviderReasoningIdleMs);

    /// <summary>The five limits above for one call. A limit of 0 is replaced by that of the whole call.</summary>
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

    /// <summary>How often a call to the same model is repeated before its answer begins.</summary>
    public int ProviderMaxRetries => Read(SettingTable.ProviderMaxRetries);

    /// <summary><c>inherit</c>, <c>none</c> or a proxy's address in clear; null when the stored one cannot be read here.</summary>
    public string? OutboundProxy => Secret(SettingTable.OutboundProxy);

    /// <summary>What goes past the proxy of the environment and of the setting above.</summary>
    public IReadOnlyList<string> NoProxy => Read(SettingTable.NoProxy);

    public int StreamDeltaFlushIntervalMs => Read(SettingTable.StreamDeltaFlushIntervalMs);

    public bool UsageEmit => Read(SettingTable.UsageEmit);

    public int DefaultContextTokenLimit => Read(SettingTable.DefaultContextTokenLimit);

    /// <summary>Public ids of the models that replace one that fails, in order.</summary>
    public IReadOnlyList<string> FallbackModels => Read(SettingTable.FallbackModels);

    /// <summary>Public id of the model that names chats; empty = a chat retains the title of its first message.</summary>
    public string TitleModel => Read(SettingTable.TitleModel);

    public TimeSpan ModelsRefreshInterval => TimeSpan.FromSeconds(Read(SettingTable.ModelsRefreshIntervalS));

    public bool ReasoningEnabled => Read(SettingTable.ReasoningEnabled);

    public bool ReasoningDefaultExpand => Read(SettingTable.ReasoningDefaultExpand);

    public bool ReasoningSaveToDb => Read(SettingTable.ReasoningSaveToDb);

    public string ReasoningTagsMode => Read(SettingTable.ReasoningTagsMode);

    public string ReasoningCustomTags => Read(SettingTable.ReasoningCustomTags);

    /// <summary>The tag pairs that result from the two settings above: the usual ones, and the administrator's beside them.</summary>
    public IReadOnlyList<ReasoningTag> ReasoningTags => TagPairs.Of(ReasoningTagsMode, ReasoningCustomTags);

    /// <summary>Null = not sent.</summary>
    public int? ReasoningMaxOutputTokensDefault => (int?)Value(SettingTable.ReasoningMaxOutputTokensDefault.Key);

    /// <summary>Null = not sent.</summary>
    public ReasoningEffort? OpenaiReasoningEffort =>
        Enum.TryParse<ReasoningEffort>(Read(SettingTable.OpenaiReasoningEffort), ignoreCase: true, out var effort) ? effort : null;

    public bool OllamaThink => Read(SettingTable.OllamaThink);

    /// <summary>How long Ollama keeps a model loaded; empty = not sent.</summary>
    public string OllamaKeepAlive => Read(SettingTable.OllamaKeepAlive);

    /// <summary>Prompts of chats are marked for Anthropic's cache.</summary>
    public bool PromptCaching => Read(SettingTable.PromptCaching);

    public bool WebSearchEnabled => Read(SettingTable.WebSearchEnabled);

    public string WebSearchEngine => Read(SettingTable.WebSearchEngine);

    public string WebSearchEndpoint => Read(SettingTable.WebSearchEndpoint);

    /// <summary>The endpoint may be on this machine or in its private network.</summary>
    public bool WebSearchLocal => Read(SettingTable.WebSearchLocal);

    public int WebSearchResultLimit => Read(SettingTable.WebSearchResultLimit);

    public IReadOnlyList<string> WebSearchDomainFilter => Read(SettingTable.WebSearchDomainFilter);

    /// <summary>A cron line of five fields; empty = no backups without being asked.</summary>
    public string BackupSchedule => Read(SettingTable.BackupSchedule);

    public int BackupKeepDaily => Read(SettingTable.BackupKeepDaily);

    public int BackupKeepWeekly => Read(SettingTable.BackupKeepWeekly);

    /// <summary>Where backups are sent too.</summary>
    public BackupStore BackupStore => new(
        Read(SettingTable.BackupS3Endpoint), Read(SettingTable.BackupS3Bucket), Read(SettingTable.BackupS3Region),
        Read(SettingTable.BackupS3Prefix).Trim('/'), Read(SettingTable.BackupS3AccessKey), Secret(SettingTable.BackupS3SecretKey),
        Read(SettingTable.BackupS3PathStyle), Read(SettingTable.BackupS3Local));

    public bool TaskTraceEnabled => Read(SettingTable.TaskTraceEnabled);

    public bool TaskTraceDefaultOn => Read(SettingTable.TaskTraceDefaultOn);

    public bool TaskTraceAdminOnly => Read(SettingTable.TaskTraceAdminOnly);

    public string TaskTraceEnv => Read(SettingTable.TaskTraceEnv);

    public int TaskTraceRetentionDays => Read(SettingTable.TaskTraceRetentionDays);

    public int TaskTraceMaxEvents => Read(SettingTable.TaskTraceMaxEvents);

    public int TaskTraceIdleTimeoutMs => Read(SettingTable.TaskTraceIdleTimeoutMs);

    /// <summary>
    /// The effective value: the stored one, else the default of the operator, else of the table. Null only where a setting may be unset.
    /// </summary>
    public object? Value(string key) => Get(_values, key);

    /// <summary>
    /// The decrypted key, for one call; null when none is set for this engine at this address, or when it cannot be decrypted on this
    /// installation.
    /// </summary>
    public string? WebSearchApiKey => Place(_values, SearchKey) is var place && _values.TryGetValue(place, out var stored)
        ? Open(place, (string)stored!)
        : Read(SettingTable.WebSearchApiKey);

    /// <summary>A value was saved on the page.</summary>
    public bool IsSaved(string key) => _values is var values && values.ContainsKey(Place(values, key));

    /// <summary>The defaults that variables give, and whether each holds: not where another value was saved on the page.</summary>
    public IEnumerable<(SettingDefinition Setting, GivenDefault Default, bool Holds)> Given() =>
        from definition in SettingTable.All
        where options.SettingDefaults.ContainsKey(definition.Key)
        let given = options.SettingDefaults[definition.Key]
        let value = definition.Key == SearchKey ? WebSearchApiKey
            : definition is Setting<string> { IsSecret: true } secret ? Secret(secret) : Value(definition.Key)
        select (definition, given, value is string[] list ? list.SequenceEqual((string[])given.Value) : Equals(value, given.Value));

    /// <summary>Stores the changes and applies them; null restores the default. When one breaks its rule, none is stored.</summary>
    /// <returns>The broken rules by key; empty when the changes are stored.</returns>
    public async Task<IReadOnlyDictionary<string, string[]>> Change(IReadOnlyDictionary<string, JsonElement> changes, Caller caller)
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
                if (Apply(SettingTable.ByKey[key], json, values, stored) is { } broken)
                {
                    errors[key] = [broken];
                }
            }

            if (errors.Count == 0
                && Read(values, SettingTable.ReasoningTagsMode) == "custom" && Read(values, SettingTable.ReasoningCustomTags).Length == 0)
            {
                errors[SettingTable.ReasoningCustomTags.Key] = ["The mode custom needs a pair of tags."];
            }

            if (errors.Count == 0 && stored.Count > 0)
            {
                var audit = new AuditEntry(caller.ActorId, "settings.change", "settings", caller.Ip, Describe(stored));
                await store.Put(stored, audit, clock.GetUtcNow());
                _values = values.ToFrozenDictionary(StringComparer.Ordinal);
            }

            return errors;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Reads all values, also again; not beside a change, whose place in memory older values would take.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken);
        try
        {
            var values = new Dictionary<string, object?>(StringComparer.Ordinal);
            foreach (var row in await store.List())
            {
                // A value that a newer rule refuses, or a key that was removed, counts as not set.
                if (SettingTable.ByKey.TryGetValue(Name(row.Key), out var definition) && definition.FromStored(row.Value) is { } value)
                {
                    values[row.Key] = value;
                    if (definition.IsSecret && Open(row.Key, row.Value) is { } secret)
                    {
                        Conceal(definition, secret);
                    }
                }
            }

            _values = values.ToFrozenDictionary(StringComparer.Ordinal);
            redactor.Add(WebSearchApiKey ?? "");
            Conceal(SettingTable.OutboundProxy, OutboundProxy ?? "");
            Conceal(SettingTable.BackupS3SecretKey, BackupStore.SecretKey ?? "");
        }
        finally
        {
            _changing.Release();
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _changing.Dispose();

    private bool IsPlaceholder(SettingDefinition definition, JsonElement json) =>
        json.ValueKind == JsonValueKind.Object
        || (definition == SettingTable.OutboundProxy && json.ValueKind == JsonValueKind.String && OutboundProxy is { } proxy
            && OutboundText.Show(proxy) is var shown && shown.Contains(Providers.Transport.OutboundProxy.Mask)
            && JsonElement.DeepEquals(json, JsonSerializer.SerializeToElement(shown, SettingsJson.Default.String)));

    private void Conceal(SettingDefinition definition, string secret) => definition.Secrets(secret).ToList().ForEach(redactor.Add);

    /// <summary>The changes for the audit, without the values of secrets.</summary>
    private static string Describe(Dictionary<string, string?> stored) => string.Join(
        ", ", stored.Select(change => $"{change.Key} = {Describe(SettingTable.ByKey[Name(change.Key)], change.Value)}"));

    private static string Describe(SettingDefinition definition, string? value) =>
        value is null ? "default" : definition.IsSecret ? "(secret)" : value;

    /// <summary>Applies one change to the values and to what is to be stored, or returns the rule it breaks.</summary>
    private string? Apply(
        SettingDefinition definition, JsonElement json, Dictionary<string, object?> values, Dictionary<string, string?> stored)
    {
        var place = Place(values, definition.Key);
        if (json.ValueKind == JsonValueKind.Null)
        {
            values.Remove(place);
            stored[place] = null;
            return null;
        }

        if (definition.IsSecret && IsPlaceholder(definition, json))
        {
            return null; // what GET shows for a secret, sent back: the secret stays
        }

        if (definition.Read(json, out var broken) is not { } value)
        {
            return $"The value {broken}.";
        }

        if (definition.IsSecret)
        {
            Conceal(definition, (string)value);
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

    public bool IsChosen(SettingDefinition setting) => _values.ContainsKey(setting.Key) || options.SettingDefaults.ContainsKey(setting.Key);

    private T Read<T>(Setting<T> setting) => Read(_values, setting);

    /// <summary>A secret in clear; null when none is set, or when the stored one cannot be read on this installation.</summary>
    private string? Secret(Setting<string> setting) =>
        _values.TryGetValue(setting.Key, out var stored) ? Open(setting.Key, (string)stored!) : Read(setting);

    private T Read<T>(IReadOnlyDictionary<string, object?> values, Setting<T> setting) => (T)Get(values, setting.Key)!;

    /// <summary>-1 is stored for none, because null means the default.</summary>
    private T? Limit<T>(Setting<T> setting)
        where T : struct, INumber<T> => Read(setting) is var limit && limit < T.Zero ? null : limit;

    private object? Get(IReadOnlyDictionary<string, object?> values, string key) =>
        values.TryGetValue(Place(values, key), out var value) ? value
        : key == SearchKey && Place(values, key) != Place(FrozenDictionary<string, object?>.Empty, key) ? null : Default(key);

    /// <summary>
    /// The key under which a value is stored. The search key is stored for each engine and address apart, so that none is ever sent to
    /// another service.
    /// </summary>
    private string Place(IReadOnlyDictionary<string, object?> values, string key)
    {
        if (key != SearchKey)
        {
            return key;
        }

        var endpoint = Read(values, SettingTable.WebSearchEndpoint);
        var address = Uri.TryCreate(endpoint, UriKind.Absolute, out var url) ? url.GetLeftPart(UriPartial.Authority) : "";
        return $"{key} {Read(values, SettingTable.WebSearchEngine)} {address}";
    }

    private static string Name(string place) => place.Split(' ')[0];

    private object? Default(string key) =>
        options.SettingDefaults.TryGetValue(key, out var given) ? given.Value : SettingTable.ByKey[key].Default;

    private static string Seal(string place) => $"settings|value|{place}|v1";
    private string? Open(string place, string text) => cipher.Open(SecretPurpose.ProviderSecrets, Seal(place), text);
}
