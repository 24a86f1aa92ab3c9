using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.NodePlatform;

/// <summary>The settings of the Node.js platform that mean something here, by their names there.</summary>
internal static class SettingMapping
{
    private const string WithoutEffect = "it had no effect there";
    private const string Broken = "there it never worked";

    private static readonly Dictionary<string, SettingDefinition[]> Known = new(StringComparer.Ordinal)
    {
        ["registration_enabled"] = [SettingTable.RegistrationEnabled],
        ["brand_text"] = [SettingTable.BrandText],
        ["site_base_url"] = [SettingTable.SiteBaseUrl],
        ["sse_heartbeat_interval_ms"] = [SettingTable.SseHeartbeatIntervalMs],
        ["provider_timeout_ms"] = [SettingTable.ProviderTimeoutMs],
        ["stream_delta_flush_interval_ms"] = [SettingTable.StreamDeltaFlushIntervalMs],
        ["usage_emit"] = [SettingTable.UsageEmit],
        ["reasoning_enabled"] = [SettingTable.ReasoningEnabled],
        ["reasoning_default_expand"] = [SettingTable.ReasoningDefaultExpand],
        ["reasoning_save_to_db"] = [SettingTable.ReasoningSaveToDb],
        ["reasoning_custom_tags"] = [SettingTable.ReasoningCustomTags],
        ["reasoning_tags_mode"] = [SettingTable.ReasoningTagsMode],
        ["openai_reasoning_effort"] = [SettingTable.OpenaiReasoningEffort],
        ["reasoning_max_output_tokens_default"] = [SettingTable.ReasoningMaxOutputTokensDefault],
        ["ollama_think"] = [SettingTable.OllamaThink],
        ["max_context_tokens"] = [SettingTable.DefaultContextTokenLimit],
        ["chat_image_retention_days"] = [SettingTable.ChatImageRetentionDays],
        ["assistant_reply_history_limit"] = [SettingTable.AssistantReplyHistoryLimit],
        ["anonymous_retention_days"] = [SettingTable.AnonymousRetentionDays],
        // There it counts the messages of all visitors together.
        ["anonymous_daily_quota"] = [SettingTable.AnonymousDailyQuota, SettingTable.AnonymousTotalDailyQuota],
        ["default_user_daily_quota"] = [SettingTable.DefaultUserDailyQuota],
        ["web_search_agent_enable"] = [SettingTable.WebSearchEnabled],
        ["web_search_default_engine"] = [SettingTable.WebSearchEngine],
        ["web_search_api_key"] = [SettingTable.WebSearchApiKey],
        ["web_search_endpoint"] = [SettingTable.WebSearchEndpoint],
        ["web_search_result_limit"] = [SettingTable.WebSearchResultLimit],
        ["web_search_domain_filter"] = [SettingTable.WebSearchDomainFilter],
        ["task_trace_enabled"] = [SettingTable.TaskTraceEnabled],
        ["task_trace_default_on"] = [SettingTable.TaskTraceDefaultOn],
        ["task_trace_admin_only"] = [SettingTable.TaskTraceAdminOnly],
        ["task_trace_env"] = [SettingTable.TaskTraceEnv],
        ["task_trace_retention_days"] = [SettingTable.TaskTraceRetentionDays],
        ["task_trace_max_events"] = [SettingTable.TaskTraceMaxEvents],
        ["task_trace_idle_timeout_ms"] = [SettingTable.TaskTraceIdleTimeoutMs],
    };

    private static readonly Dictionary<string, string> Refused = new(StringComparer.Ordinal)
    {
        ["provider_max_idle_ms"] = WithoutEffect,
        ["provider_initial_grace_ms"] = WithoutEffect,
        ["provider_reasoning_idle_ms"] = WithoutEffect,
        ["app_version"] = WithoutEffect,
        ["assistant_avatar"] = Broken,
        ["assistant_avatar_path"] = Broken,
    };

    /// <summary>The settings here that take a value; none, and why.</summary>
    public static SettingDefinition[] Find(string name, string value, out string? why)
    {
        why = null;
        if (Known.TryGetValue(name, out var settings))
        {
            // There 0 days deletes an image at once, here it keeps it for ever: neither is what somebody chose for here.
            why = settings[0] == SettingTable.ChatImageRetentionDays && value == "0"
                ? "0 days means the opposite here: set it on the page" : null;
            return why is null ? settings : [];
        }

        why = Refused.GetValueOrDefault(name) ?? "there is no such setting here";
        return [];
    }

    /// <summary>The value in the form of a variable, which is a list of texts without brackets.</summary>
    public static string Text(SettingDefinition setting, string value) => setting switch
    {
        ListSetting when value.TrimStart().StartsWith('[') => string.Join(',', ConnectionMapping.Names(value)),
        FlagSetting => value.Trim().Trim('"'),
        _ when value.Length > 1 && value[0] == '"' && value[^1] == '"' => value[1..^1],
        _ => value.Trim(),
    };
}
