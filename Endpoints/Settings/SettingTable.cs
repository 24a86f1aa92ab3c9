using System.Numerics;
using System.Text.RegularExpressions;
using AiChat.Endpoints.Variables;
using AiChat.Providers.Transport;
using Cronos;

namespace AiChat.Endpoints.Settings;

/// <summary>
/// Every system setting, once: key, default, bounds, who may read it, the variable that gives its default. The server reads a value by
/// its handle, the API and the page by its key. A key is part of the API and of the stored data, so it never changes.
/// </summary>
internal static partial class SettingTable
{
    /// <summary>Messages offered on an empty chat, and the length of one.</summary>
    public const int MaxSuggestions = 8;
    private const int MaxSuggestion = 300;

    // Before the handles, whose initialisers add to it.
    private static readonly List<SettingDefinition> Declared = [];

    // General.
    public static readonly Setting<bool> RegistrationEnabled = Add(
        new FlagSetting("registrationEnabled", true)
        {
            IsPublic = true,
            VariableName = "DEFAULT_REGISTRATION_ENABLED",
            OlderVariables = ["REGISTRATION_ENABLED"],
        },
        new("Others than the first may register", "第一个账号之后是否仍可注册"));
    public static readonly Setting<string> BrandText = Add(
        new TextSetting("brandText", "AiChat", 1, 40) { IsPublic = true },
        new("The product's name on the page", "页面上显示的产品名"));
    public static readonly Setting<string> LoginNotice = Add(
        new TextSetting("loginNotice", "", 0, 1_000) { IsPublic = true, HasLines = true },
        new("A notice below the login", "登录框下方的提示"));
    public static readonly Setting<string> WelcomeText = Add(
        new TextSetting("welcomeText", "", 0, 500) { IsPublic = true, HasLines = true },
        new("A greeting on an empty chat", "空白对话上的欢迎语"));
    public static readonly Setting<string[]> Suggestions = Add(
        new ListSetting("suggestions", MaxSuggestions, Suggestion) { IsPublic = true, HoldsSentences = true },
        new("Messages offered on an empty chat instead of the page's own", "空白对话上提供的示例消息，代替页面自带的"));
    // Degrees on the colour circle. The page chooses the lightness, so that text stays readable.
    public static readonly Setting<int> AccentHue = Add(
        Number("accentHue", 195, 0, 359) with { IsPublic = true },
        new("The page's colour, in degrees on the colour circle", "页面主色，色环上的角度"));
    public static readonly Setting<string> DefaultLocale = Add(
        Choice("defaultLocale", "system", "system", "en", "zh") with { IsPublic = true },
        new("The page's language; system is that of the browser", "页面语言；system 跟随浏览器"));
    public static readonly Setting<string> SiteBaseUrl = Add(
        new TextSetting("siteBaseUrl", "", 0, 200) { Check = Address, OlderVariables = ["CHAT_IMAGE_BASE_URL"] },
        new("The public address of the site, for absolute links to images and shares", "站点的公开地址，用于图片和分享的绝对链接"));
    public static readonly Setting<int> ChatImageRetentionDays = Add(
        Number("chatImageRetentionDays", 30, 0, 3_650),
        new("Days until images are deleted; 0 keeps them", "图片保留天数；0 表示一直保留"));
    public static readonly Setting<int> ImageStorageMbPerUser = Add(
        Number("imageStorageMbPerUser", 1_024, 0, 1_000_000),
        new("Megabytes of images a user may store; 0 is unlimited", "每个用户可存图片的兆字节数；0 表示不限"));
    public static readonly Setting<int> ImportMaxMb = Add(
        Number("importMaxMb", 4_096, 1, 16_384) with { IsPublic = true },
        new("Megabytes of an archive of chats that a user may import", "用户可导入的对话存档的兆字节数"));
    public static readonly Setting<int> TemporaryChatHours = Add(
        Number("temporaryChatHours", 24, 1, 8_760) with { IsPublic = true },
        new("Hours until an idle temporary chat is deleted", "临时对话闲置多少小时后删除"));
    public static readonly Setting<int> AssistantReplyHistoryLimit = Add(
        Number("assistantReplyHistoryLimit", 5, 1, 20) with { IsPublic = true },
        new("Versions kept of an answer", "每个回答保留的版本数"));
    public static readonly Setting<int> AnonymousDailyQuota = Add(
        Number("anonymousDailyQuota", 0, 0, 1_000_000) with { IsPublic = true },
        new("Messages a day a guest may send; 0 lets no guests in", "每个访客每天可发的消息数；0 表示不接待访客"));
    // -1 = unlimited, because null means the default in every setting.
    public static readonly Setting<long> AnonymousTotalDailyQuota = Add(
        Number("anonymousTotalDailyQuota", 500L, -1, 1_000_000),
        new("Messages a day of all guests together; -1 is unlimited", "所有访客每天合计的消息数；-1 表示不限"));
    public static readonly Setting<int> AnonymousRetentionDays = Add(
        Number("anonymousRetentionDays", 15, 0, 15) with { IsPublic = true },
        new("Days until guests' chats are deleted", "访客对话保留天数"));
    public static readonly Setting<long> DefaultUserDailyQuota = Add(
        Number("defaultUserDailyQuota", 200L, -1, 1_000_000) with { IsPublic = true },
        new(
            "Messages a day of a user who is no administrator; -1 is unlimited", "每个非管理员用户每天可发的消息数；-1 表示不限"));
    public static readonly Setting<long> DefaultDailyTokenBudget = Add(
        Number("defaultDailyTokenBudget", -1L, -1, 1_000_000_000_000),
        new("Tokens a day of a user; -1 is unlimited", "每个用户每天的 Token 预算；-1 表示不限"));
    public static readonly Setting<long> DefaultMonthlyTokenBudget = Add(
        Number("defaultMonthlyTokenBudget", -1L, -1, 1_000_000_000_000),
        new("Tokens a month of a user; -1 is unlimited", "每个用户每月的 Token 预算；-1 表示不限"));
    public static readonly Setting<decimal> DefaultDailyMoneyBudget = Add(
        new AmountSetting("defaultDailyMoneyBudget", -1, 1_000_000),
        new("Money a day of a user; -1 is unlimited", "每个用户每天的金额预算；-1 表示不限"));
    public static readonly Setting<decimal> DefaultMonthlyMoneyBudget = Add(
        new AmountSetting("defaultMonthlyMoneyBudget", -1, 1_000_000),
        new("Money a month of a user; -1 is unlimited", "每个用户每月的金额预算；-1 表示不限"));

    // Limits.
    public static readonly Setting<int> MaxRuns = Add(
        Number("maxRuns", Capacity.Answers, 0, 100_000) with { DefaultWords = new("by ulimit -n", "由 ulimit -n 决定") },
        new("Answers that may run at once; 0 is unlimited", "同时进行的回答总数上限；0 表示不限"));
    public static readonly Setting<int> MaxRunsPerUser = Add(
        Number("maxRunsPerUser", 8, 0, 1_000) with { IsPublic = true },
        new("Answers of one user that may run at once; 0 is unlimited", "每个用户同时进行的回答上限；0 表示不限"));
    public static readonly Setting<int> RequestsPerMinute = Add(
        Number("requestsPerMinute", 240, 0, 1_000_000),
        new("Requests a minute of one user or address; 0 is unlimited", "每个用户或地址每分钟的请求数；0 表示不限"));

    // Network and streaming. 0 = no limit of its own; the limit of the whole call always applies.
    public static readonly Setting<int> SseHeartbeatIntervalMs = Add(
        Number("sseHeartbeatIntervalMs", 15_000, 1_000, 600_000),
        new("Milliseconds between heartbeats of a stream", "流式输出心跳间隔（毫秒）"));
    public static readonly Setting<int> ProviderConnectTimeoutMs = Add(
        Number("providerConnectTimeoutMs", 10_000, 1_000, 120_000),
        new("Milliseconds a provider has to accept a connection", "连接服务商的时限（毫秒）"));
    public static readonly Setting<int> ProviderTimeoutMs = Add(
        Number("providerTimeoutMs", 600_000, 10_000, 3_600_000),
        new("Milliseconds of a whole call to a provider", "一次服务商调用的总时限（毫秒）"));
    public static readonly Setting<int> ProviderInitialGraceMs = Add(
        Number("providerInitialGraceMs", 120_000, 0, 3_600_000),
        new("Milliseconds until a provider's first byte; 0 is no limit of its own", "等待服务商首字节的时限（毫秒）；0 表示不单独限制"));
    public static readonly Setting<int> ProviderMaxIdleMs = Add(
        Number("providerMaxIdleMs", 90_000, 0, 3_600_000),
        new("Milliseconds between two pieces of an answer; 0 is no limit of its own", "回答两段之间的时限（毫秒）；0 表示不单独限制"));
    public static readonly Setting<int> ProviderReasoningIdleMs = Add(
        Number("providerReasoningIdleMs", 300_000, 0, 3_600_000),
        new("The same while a model thinks", "模型思考期间的同一时限（毫秒）"));
    public static readonly Setting<int> ProviderMaxRetries = Add(
        Number("providerMaxRetries", 2, 0, 5),
        new("How often a call is repeated before its answer begins", "回答开始之前最多重试几次"));
    public static readonly Setting<int> StreamDeltaFlushIntervalMs = Add(
        Number("streamDeltaFlushIntervalMs", 0, 0, 3_600_000),
        new("Milliseconds for which pieces of an answer are gathered before they are sent", "回答片段攒多少毫秒再发送"));
    public static readonly Setting<string> OutboundProxy = Add(
        new ProxySetting("outboundProxy") { IsSecret = true },
        new(
            "The proxy to providers and web search; inherit takes HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
            "访问服务商和联网搜索的代理；inherit 采用 HTTPS_PROXY、HTTP_PROXY 和 ALL_PROXY"));
    public static readonly Setting<string[]> NoProxy = Add(
        new ListSetting("noProxy", NoProxyList.MaxEntries, NoProxyEntry) { OlderVariables = ["no_proxy"] },
        new(
            "Domains, addresses and networks that go past the proxy; private ones always do",
            "不经过代理的域名、地址和网段；内网地址总是直接连接"));
    public static readonly Setting<bool> UsageEmit = Add(
        new FlagSetting("usageEmit", true) { IsPublic = true },
        new("The page is told the tokens of an answer", "向页面发送回答的 Token 用量"));

    // Models and reasoning.
    public static readonly Setting<int> DefaultContextTokenLimit = Add(
        Number("defaultContextTokenLimit", 120_000, 256, 100_000_000),
        new("Tokens of context of a model that states none", "模型未说明时的上下文 Token 数"));
    public static readonly Setting<string[]> FallbackModels = Add(
        new ListSetting("fallbackModels", 10, ModelId),
        new("Ids of models that replace one that fails, in order", "某模型失败时依次顶替的模型 id"));
    public static readonly Setting<string> TitleModel = Add(
        new TextSetting("titleModel", "", 0, 400),
        new("The id of the model that names chats; empty keeps the first message", "为对话起标题的模型 id；留空则用第一条消息"));
    public static readonly Setting<int> ModelsRefreshIntervalS = Add(
        Number("modelsRefreshIntervalS", 600, 60, 86_400) with { OlderVariables = ["MODELS_TTL_S"] },
        new("Seconds between refreshes of the model list", "刷新模型列表的间隔（秒）"));
    public static readonly Setting<bool> ReasoningEnabled = Add(
        new FlagSetting("reasoningEnabled", true) { IsPublic = true },
        new("Models may think", "允许模型思考"));
    public static readonly Setting<bool> ReasoningDefaultExpand = Add(
        new FlagSetting("reasoningDefaultExpand", false) { IsPublic = true },
        new("Thoughts are shown unfolded", "默认展开思考过程"));
    public static readonly Setting<bool> ReasoningSaveToDb = Add(
        new FlagSetting("reasoningSaveToDb", true) { IsPublic = true },
        new("Thoughts are stored", "保存思考过程"));
    public static readonly Setting<string> ReasoningTagsMode = Add(
        Choice("reasoningTagsMode", "default", "default", "custom", "off"),
        new("Which tags mark thoughts in the text", "以哪些标签识别文本中的思考"));
    public static readonly Setting<string> ReasoningCustomTags = Add(
        new TextSetting("reasoningCustomTags", "", 0, 1_000) { Check = TagPairs.Refuse },
        new("Own pairs of tags beside the usual ones for custom, as JSON", "custom 模式下除常见标签外的自定义标签对，JSON 格式"));
    public static readonly Setting<int> ReasoningMaxOutputTokensDefault = Add(
        new NumberSetting<int>("reasoningMaxOutputTokensDefault", null, 1, 256_000),
        new("Most tokens of an answer with thoughts; unset is not sent", "带思考的回答的最大 Token 数；未设置则不发送"));
    public static readonly Setting<string> OpenaiReasoningEffort = Add(
        Choice("openaiReasoningEffort", "unset", "unset", "minimal", "low", "medium", "high") with { IsPublic = true },
        new("The effort of thinking; unset is not sent", "思考强度；unset 则不发送"));
    public static readonly Setting<bool> OllamaThink = Add(
        new FlagSetting("ollamaThink", false),
        new("Ollama's models think", "让 Ollama 的模型思考"));
    public static readonly Setting<string> OllamaKeepAlive = Add(
        new TextSetting("ollamaKeepAlive", "", 0, 20) { Check = KeepAlive },
        new(
            "How long Ollama keeps a model loaded, such as 30m; 0 unloads at once, -1 never; empty is Ollama's own",
            "Ollama 让模型驻留内存多久，例如 30m；0 立即卸载，-1 永不卸载；留空采用 Ollama 自己的设置"));
    public static readonly Setting<bool> PromptCaching = Add(
        new FlagSetting("promptCaching", true),
        new("Chats with Anthropic's models use its prompt cache, behind OpenRouter too", "与 Anthropic 模型对话时使用提示缓存，经 OpenRouter 时也如此"));

    // Web search.
    public static readonly Setting<bool> WebSearchEnabled = Add(
        new FlagSetting("webSearchEnabled", false) { IsPublic = true, OlderVariables = ["WEB_SEARCH_AGENT_ENABLE"] },
        new("Models may search the web", "允许模型联网搜索"));
    public static readonly Setting<string> WebSearchEngine = Add(
        Choice("webSearchEngine", "tavily", "tavily", "brave", "searxng", "exa") with { OlderVariables = ["WEB_SEARCH_DEFAULT_ENGINE"] },
        new("The service that searches", "搜索服务"));
    public static readonly Setting<string> WebSearchApiKey = Add(
        new TextSetting("webSearchApiKey", null, 1, 4_096) { IsSecret = true, Check = Key },
        new("The key of that service", "该服务的密钥"));
    public static readonly Setting<string> WebSearchEndpoint = Add(
        new TextSetting("webSearchEndpoint", "", 0, 2_000) { Check = Address },
        new("The address of a SearXNG, or instead of a service's own", "SearXNG 的地址，或替代服务默认地址"));
    public static readonly Setting<bool> WebSearchLocal = Add(
        new FlagSetting("webSearchLocal", false),
        new("That address may be in the private network", "该地址可以位于内网"));
    public static readonly Setting<int> WebSearchResultLimit = Add(
        Number("webSearchResultLimit", 4, 1, 10),
        new("Results of a search", "每次搜索的结果数"));
    public static readonly Setting<string[]> WebSearchDomainFilter = Add(
        new ListSetting("webSearchDomainFilter", 100, Domain),
        new("Domains to search in; empty is all", "只搜索这些域名；留空为全部"));

    // Task trace.
    public static readonly Setting<bool> TaskTraceEnabled = Add(
        new FlagSetting("taskTraceEnabled", false) { IsPublic = true },
        new("Requests may be traced", "允许任务追踪"));
    public static readonly Setting<bool> TaskTraceDefaultOn = Add(
        new FlagSetting("taskTraceDefaultOn", false) { IsPublic = true },
        new("Every request is traced", "默认追踪每个请求"));
    public static readonly Setting<bool> TaskTraceAdminOnly = Add(
        new FlagSetting("taskTraceAdminOnly", true) { IsPublic = true },
        new("Only administrators may trace", "仅管理员可以追踪"));
    public static readonly Setting<string> TaskTraceEnv = Add(
        Choice("taskTraceEnv", "both", "dev", "prod", "both"),
        new("Where tracing works; this server is prod", "追踪在哪种环境有效；本服务器为 prod"));
    public static readonly Setting<int> TaskTraceRetentionDays = Add(
        Number("taskTraceRetentionDays", 7, 1, 365),
        new("Days until traces are deleted", "追踪记录保留天数"));
    public static readonly Setting<int> TaskTraceMaxEvents = Add(
        Number("taskTraceMaxEvents", 2_000, 100, 200_000),
        new("Most events of a trace", "每条追踪的最大事件数"));
    public static readonly Setting<int> TaskTraceIdleTimeoutMs = Add(
        Number("taskTraceIdleTimeoutMs", 30_000, 1_000, 600_000),
        new("Milliseconds of silence that end a trace", "静默多少毫秒后结束追踪"));

    // Backups.
    public static readonly Setting<string> BackupSchedule = Add(
        new TextSetting("backupSchedule", "0 3 * * *", 0, 100) { Check = CronLine },
        new(
            "When a backup is made, as a cron line in the zone of TZ; empty makes none",
            "何时备份：cron 表达式，按 TZ 的时区；留空则不自动备份"));
    public static readonly Setting<int> BackupKeepDaily = Add(
        Number("backupKeepDaily", 7, 0, 3_650),
        new("Scheduled backups kept of the last days, one a day", "保留最近多少天的定时备份，每天一份"));
    public static readonly Setting<int> BackupKeepWeekly = Add(
        Number("backupKeepWeekly", 4, 0, 520),
        new("Scheduled backups kept of the last weeks, one a week", "保留最近多少周的定时备份，每周一份"));
    public static readonly Setting<string> BackupS3Endpoint = Add(
        new TextSetting("backupS3Endpoint", "", 0, 2_000) { Check = Address },
        new("The address of an S3-compatible store to which backups are sent too", "备份同时上传到的 S3 兼容存储的地址"));
    public static readonly Setting<string> BackupS3Bucket = Add(
        new TextSetting("backupS3Bucket", "", 0, 63) { Check = Bucket },
        new("Its bucket", "其存储桶"));
    public static readonly Setting<string> BackupS3Region = Add(
        new TextSetting("backupS3Region", "us-east-1", 1, 40) { Check = Bucket },
        new("Its region; auto for Cloudflare R2", "其区域；Cloudflare R2 填 auto"));
    public static readonly Setting<string> BackupS3Prefix = Add(
        new TextSetting("backupS3Prefix", "aichat", 0, 200) { Check = ObjectPrefix },
        new("The folder in the bucket, for this installation alone", "桶中的目录，每个安装各用一个"));
    public static readonly Setting<string> BackupS3AccessKey = Add(
        new TextSetting("backupS3AccessKey", "", 0, 256) { Check = Key },
        new("The id of its access key", "其访问密钥 ID"));
    public static readonly Setting<string> BackupS3SecretKey = Add(
        new TextSetting("backupS3SecretKey", null, 1, 4_096) { IsSecret = true, Check = Key },
        new("The secret of its access key", "其访问密钥"));
    public static readonly Setting<bool> BackupS3PathStyle = Add(
        new FlagSetting("backupS3PathStyle", true),
        new(
            "The bucket stands in the path; off where it is a part of the host name, as Alibaba Cloud OSS and Tencent COS need it",
            "存储桶写在路径中；阿里云 OSS 和腾讯云 COS 需要关闭，改为写在域名中"));
    public static readonly Setting<bool> BackupS3Local = Add(
        new FlagSetting("backupS3Local", false),
        new("That address may be in the private network", "该地址可以位于内网"));

    /// <summary>In the order of their declaration.</summary>
    public static readonly IReadOnlyList<SettingDefinition> All = Declared;

    public static readonly IReadOnlyDictionary<string, SettingDefinition> ByKey =
        All.ToDictionary(definition => definition.Key, StringComparer.Ordinal);

    /// <summary>The defaults from environment variables, by key.</summary>
    /// <exception cref="Data.StartupException">A value breaks its rule; the message names the variable and where it stands.</exception>
    public static Dictionary<string, GivenDefault> ReadVariables(EnvironmentValues values)
    {
        var defaults = new Dictionary<string, GivenDefault>(StringComparer.Ordinal);
        foreach (var definition in All)
        {
            if (values.Find(definition.Variable) is { } given)
            {
                defaults[definition.Key] = definition.Parse(given.Text, out var broken) is { } value && broken is null
                    ? new GivenDefault(value, given) : throw given.Wrong(broken ?? "is a value");
            }
        }

        return defaults;
    }

    private static T Add<T>(T setting, Words meaning)
        where T : SettingDefinition
    {
        setting.Variable = new SettingVariable(setting, meaning);
        Declared.Add(setting);
        return setting;
    }

    private static NumberSetting<T> Number<T>(string key, T value, T min, T max)
        where T : struct, IBinaryInteger<T> => new(key, value, min, max);

    private static TextSetting Choice(string key, string value, params string[] choices) => new(key, value, 1, 20)
    {
        Choices = choices,
        Check = text => choices.Contains(text, StringComparer.Ordinal) ? null : $"is one of {string.Join(", ", choices)}",
    };

    private static string? Address(string text) =>
        IsAddress(text) ? null : "starts with http:// or https:// and has no user name, query or fragment";

    private static bool IsAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0
        && !text.Contains('@') && !text.Contains('?') && !text.Contains('#') && !text.Contains('\\') && !text.Contains(' ');

    private static string? Key(string text) =>
        ProviderHeaders.ValidateKey(text) is null ? null : "has at most 4096 printable characters of ASCII and no spaces";

    private static string? CronLine(string text) => CronExpression.TryParse(text, CronFormat.Standard, out _)
        ? null : "has five fields: minute, hour, day of the month, month, day of the week, such as 0 3 * * *";

    private static string? Bucket(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')
        ? null : "has only letters, digits, dots and dashes";

    private static string? ObjectPrefix(string text) =>
        !text.Any(c => char.IsControl(c) || char.IsSurrogate(c) || c == '\\') && !text.Split('/').Any(part => part is "." or "..")
            ? null : "names folders, separated by slashes";

    /// <summary>Ollama's durations are Go's, such as 1h30m, or seconds; anything below 0 is for ever (Ollama docs, "FAQ").</summary>
    private static string? KeepAlive(string text) =>
        text.Length == 0 || Duration().IsMatch(text) ? null : "is a time such as 90s, 30m or 1h30m, 0 or -1";

    [GeneratedRegex(@"^-?([0-9]{1,9}|([0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h))+)$")]
    private static partial Regex Duration();

    /// <summary>Null for a message that may be offered on an empty chat, else the rule it breaks.</summary>
    public static string? Suggestion(string text) =>
        text.Trim().Length is > 0 and <= MaxSuggestion && !text.Any(char.IsControl)
            ? null : $"holds lines of 1 to {MaxSuggestion} characters";

    private static string? ModelId(string text) =>
        text.Length is > 0 and <= 400 && !text.Any(char.IsControl) ? null : "holds ids of models as the catalogue shows them";

    /// <summary>The variable belongs to every program of the machine, so an entry that means nothing here is no error.</summary>
    private static string? NoProxyEntry(string text) =>
        text.Length is > 0 and <= NoProxyList.MaxEntry && !text.Any(char.IsControl)
            ? null : $"holds names, addresses and networks of at most {NoProxyList.MaxEntry} characters";

    private static string? Domain(string text) =>
        text.Length <= 253 && text.All(c => char.IsLetterOrDigit(c) || c is '.' or '-' or '_')
        && Uri.CheckHostName(text) == UriHostNameType.Dns ? null : "holds domain names such as example.org";
}
