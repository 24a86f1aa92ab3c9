using System.Globalization;
using AiChat.Data;

namespace AiChat;

/// <summary>
/// What an operator sets by environment variables, read once at start. What an administrator changes while the server runs is in the
/// settings table instead. README lists each variable.
/// </summary>
internal sealed record ServerOptions
{
    public int Port { get; init; } = 8001;

    /// <summary>An address or name to listen on; null is every interface.</summary>
    public string? Host { get; init; }

    public string DataDir { get; init; } = "./data";

    /// <summary>The path of the database file; null is app.db in the data folder.</summary>
    public string? DatabasePath { get; init; }

    /// <summary>The folder of image files; null is images in the data folder.</summary>
    public string? ImageDir { get; init; }

    public string? JwtSecret { get; init; }

    public string? MasterKey { get; init; }

    public string? MasterKeyFile { get; init; }

    /// <summary>The code that the first registration requires; null generates one.</summary>
    public string? SetupCode { get; init; }

    /// <summary>A file that contains it; wins over <see cref="SetupCode"/>.</summary>
    public string? SetupCodeFile { get; init; }

    /// <summary>The bearer token that opens /metrics to a monitoring system; null leaves it to administrators.</summary>
    public string? MetricsToken { get; init; }

    /// <summary>Exact origins whose pages may call the API; empty is none.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Addresses or networks (CIDR) of proxies whose forwarding headers are trusted.</summary>
    public IReadOnlyList<string> TrustedProxies { get; init; } = [];

    /// <summary>Host names under which the server answers, without ports; empty is every name.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>"" or a path such as "/chat", without a slash at its end.</summary>
    public string BasePath { get; init; } = "";

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>
    /// Defaults of system settings from variables, by key. <see cref="Load"/> leaves them empty, because only a server needs them.
    /// </summary>
    public IReadOnlyDictionary<string, object?> SettingDefaults { get; init; } = new Dictionary<string, object?>();

    /// <summary>Allows an empty database in a folder that has held one.</summary>
    public bool Initialize { get; init; }

    /// <summary>How long running answers may continue after the process was asked to stop.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Reads the options by name.</summary>
    /// <param name="get">Returns the value of a variable, or null.</param>
    /// <exception cref="StartupException">A value is wrong; the message names the variable.</exception>
    public static ServerOptions Load(Func<string, string?> get)
    {
        var cors = Flag(get, "ENABLE_CORS") == true ? List(get, "CORS_ORIGIN") : [];
        if (cors.Any(origin => !Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.GetLeftPart(UriPartial.Authority) != origin))
        {
            throw Wrong("CORS_ORIGIN", "is a list of exact origins such as https://chat.example.org; * is not accepted");
        }

        return new ServerOptions
        {
            Port = Number(get, "PORT", 0, 65_535) ?? Number(get, "BACKEND_PORT", 0, 65_535) ?? 8001,
            Host = Text(get, "HOST"),
            DataDir = Text(get, "DATA_DIR") ?? "./data",
            DatabasePath = DatabaseFile(Text(get, "DATABASE_URL")),
            ImageDir = Text(get, "CHAT_IMAGE_DIR"),
            JwtSecret = Text(get, "JWT_SECRET"),
            MasterKey = Text(get, "AICHAT_MASTER_KEY"),
            MasterKeyFile = Text(get, "AICHAT_MASTER_KEY_FILE"),
            SetupCode = Text(get, "AICHAT_SETUP_CODE"),
            SetupCodeFile = Text(get, "AICHAT_SETUP_CODE_FILE"),
            MetricsToken = Text(get, "METRICS_TOKEN") is { Length: < 16 }
                ? throw Wrong("METRICS_TOKEN", "has 16 characters or more")
                : Text(get, "METRICS_TOKEN"),
            CorsOrigins = cors,
            TrustedProxies = List(get, "TRUSTED_PROXIES"),
            AllowedHosts = Hosts(get),
            BasePath = Base(Text(get, "BASE_PATH")),
            LogLevel = Level(Text(get, "LOG_LEVEL")),
            ShutdownGrace = TimeSpan.FromSeconds(Number(get, "SHUTDOWN_GRACE_SECONDS", 0, 20) ?? 20),
        };
    }

    private static string? Text(Func<string, string?> get, string name) => get(name) is { Length: > 0 } value ? value : null;

    private static string[] List(Func<string, string?> get, string name) =>
        Text(get, name)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    private static string[] Hosts(Func<string, string?> get) => List(get, "ALLOWED_HOSTS") is var hosts && hosts.All(IsHost)
        ? [.. hosts.Select(host => host.Contains(':') && host[0] != '[' ? $"[{host}]" : host)] // as in a Host header
        : throw Wrong("ALLOWED_HOSTS", "is a list of host names without scheme and port, such as chat.example.org");

    private static bool IsHost(string name) => Uri.CheckHostName(name.Trim('[', ']')) != UriHostNameType.Unknown;

    private static int? Number(Func<string, string?> get, string name, int min, int max) => Text(get, name) switch
    {
        null => null,
        { } text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && value >= min && value <= max => value,
        _ => throw Wrong(name, $"is a whole number from {min} to {max}"),
    };

    private static bool? Flag(Func<string, string?> get, string name) => Text(get, name)?.ToLowerInvariant() switch
    {
        null => null,
        "true" or "1" or "yes" or "on" => true,
        "false" or "0" or "no" or "off" => false,
        _ => throw Wrong(name, "is true or false"),
    };

    private static LogLevel Level(string? text) => text?.ToLowerInvariant() switch
    {
        null or "info" or "information" => LogLevel.Information,
        "trace" => LogLevel.Trace,
        "debug" => LogLevel.Debug,
        "warn" or "warning" => LogLevel.Warning,
        "error" => LogLevel.Error,
        "none" or "silent" => LogLevel.None,
        _ => throw Wrong("LOG_LEVEL", "is trace, debug, info, warn, error or none"),
    };

    private static string? DatabaseFile(string? url)
    {
        if (url is null)
        {
            return null;
        }

        const string prefix = "file:";
        if (!url.StartsWith(prefix, StringComparison.Ordinal) || url.Length == prefix.Length || url.Contains('?'))
        {
            throw Wrong("DATABASE_URL", "is file: and a path, such as file:./data/app.db");
        }

        return url[prefix.Length..];
    }

    private static string Base(string? path)
    {
        var trimmed = path?.TrimEnd('/') ?? "";
        if (trimmed.Length > 0 && (trimmed[0] != '/' || !trimmed.All(IsOfPath) || trimmed.Contains("//") || trimmed.Contains("..")))
        {
            throw Wrong("BASE_PATH", "is a path such as /chat");
        }

        return trimmed;
    }

    private static bool IsOfPath(char c) => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' or '~';

    private static StartupException Wrong(string name, string rule) => new(StartupException.Configuration, $"{name} is wrong: it {rule}.");
}
