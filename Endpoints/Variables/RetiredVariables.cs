namespace AiChat.Endpoints.Variables;

/// <summary>
/// Variables of the Node.js platform that AiChat takes the place of, which mean nothing here, and what takes theirs. They are named at
/// start, because somebody set them for a reason.
/// </summary>
internal static class RetiredVariables
{
    private const string Heartbeats = "SSE_HEARTBEAT_INTERVAL_MS takes its place";
    private const string Gathering = "STREAM_DELTA_FLUSH_INTERVAL_MS takes its place";
    private const string Administrator = "the first account is made on the page, with the setup code";
    private const string Connection = "connections and their keys are made on the page";
    private const string Log = "the log goes to standard error";
    private const string Traces = "traces are kept in DATA_DIR";
    private const string Page = "the page is served by this process";
    private const string Identity = "AICHAT_RUN_AS takes its place, such as 1026:100, with the container's user 0:0";
    private const string Nothing = "nothing reads it";

    private static readonly Dictionary<string, string> Reasons = new(StringComparer.Ordinal)
    {
        ["NODE_ENV"] = "there is one mode",
        ["ENCRYPTION_KEY"] = "AICHAT_MASTER_KEY takes its place, or the key made in DATA_DIR",
        ["COOKIE_SECURE"] = "it follows from HTTPS, by TRUSTED_PROXIES behind a proxy",
        ["DEFAULT_ADMIN_USERNAME"] = Administrator,
        ["DEFAULT_ADMIN_PASSWORD"] = Administrator,
        ["EXAMPLE_SYSTEM_API_URL"] = Connection,
        ["EXAMPLE_SYSTEM_API_KEY"] = Connection,
        ["SYSTEM_OAUTH_TOKEN"] = Connection,
        ["AZURE_ACCESS_TOKEN"] = Connection,
        ["DB_INIT_ON_START"] = "a missing database is made at any start, and nothing is seeded twice",
        ["REASONING_KEEPALIVE_INTERVAL_MS"] = Heartbeats,
        ["STREAM_KEEPALIVE_INTERVAL_MS"] = Heartbeats,
        ["STREAM_DELTA_CHUNK_SIZE"] = Gathering,
        ["STREAM_REASONING_FLUSH_INTERVAL_MS"] = Gathering,
        ["STREAM_PROGRESS_PERSIST_INTERVAL_MS"] = "answers are stored as they arrive",
        ["USAGE_PROVIDER_ONLY"] = "the provider's numbers are used where it reports them",
        ["MESSAGE_DEDUPE_WINDOW_MS"] = "every message has an id by which it is sent once",
        ["TOKENIZER_MODE"] = "the provider's numbers are used, else an estimate",
        ["CHAT_IMAGE_PUBLIC_PATH"] = "BASE_PATH takes its place",
        ["PROFILE_IMAGE_MAX_BYTES"] = "the bound is fixed",
        ["PROFILE_IMAGE_SIZE"] = "the size is fixed",
        ["LOG_DIR"] = Log,
        ["TRAFFIC_LOG_PATH"] = Traces,
        ["TRAFFIC_LOG_DIR"] = Traces,
        ["TASK_TRACE_LOG_DIR"] = Traces,
        ["LATEX_TRACE_LOG_DIR"] = Traces,
        ["API_TIMEOUT"] = "PROVIDER_TIMEOUT_MS takes its place",
        ["MAX_FILE_SIZE"] = "the bound is fixed",
        ["ENABLE_SWAGGER"] = Nothing,
        ["REDIS_URL"] = Nothing,
        ["PUID"] = Identity,
        ["PGID"] = Identity,
        ["NEXT_PUBLIC_API_URL"] = Page,
        ["BACKEND_HOST"] = Page,
        ["BACKEND_INTERNAL_PORT"] = Page,
        ["NEXT_TELEMETRY_DISABLED"] = Page,
    };

    /// <summary>Why a variable of this name means nothing; null when it is none of these.</summary>
    public static string? Reason(string name) => Reasons.TryGetValue(name, out var reason) ? reason
        : name.StartsWith("DB_POOL_", StringComparison.Ordinal) || name.StartsWith("SMTP_", StringComparison.Ordinal) ? Nothing
        : null;
}
