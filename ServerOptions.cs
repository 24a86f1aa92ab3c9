using AiChat.Data;
using AiChat.Data.Postgres;
using AiChat.Endpoints.Variables;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat;

/// <summary>
/// What an operator sets by environment variables, read once at start. What an administrator changes while the server runs is in the
/// settings table instead. <see cref="ServerVariables"/> has the names, forms and defaults.
/// </summary>
internal sealed record ServerOptions
{
    public int Port { get; init; } = 8001;

    /// <summary>An address or name to listen on; null is every interface.</summary>
    public string? Host { get; init; }

    public string DataDir { get; init; } = "./data";

    /// <summary>The path of the database file; null is app.db in the data folder.</summary>
    public string? DatabasePath { get; init; }

    /// <summary>The server that has the database instead of a file.</summary>
    public PostgresUrl? DatabaseServer { get; init; }

    /// <summary>Where other processes on the same database reach this one, as http://host:port; null is nowhere.</summary>
    public string? NodeUrl { get; init; }

    /// <summary>The folder of image files; null is images in the data folder.</summary>
    public string? ImageDir { get; init; }

    /// <summary>The store elsewhere that has the image files; null is the folder.</summary>
    public S3Place? ImageStore { get; init; }

    public string? JwtSecret { get; init; }

    public string? MasterKey { get; init; }

    public string? MasterKeyFile { get; init; }

    /// <summary>
    /// Reads the code that the first registration requires; null generates one. Asked only while there is no account, because its file may
    /// be gone afterwards.
    /// </summary>
    public Func<string?> SetupCode { get; init; } = () => null;

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

    /// <summary>PEM with the certificate and its chain; null is plain HTTP.</summary>
    public string? TlsCertificateFile { get; init; }

    /// <summary>PEM with the key; null is in the file of the certificate.</summary>
    public string? TlsKeyFile { get; init; }

    /// <summary>A port on which plain HTTP is answered with a redirect to HTTPS; null is none.</summary>
    public int? TlsRedirectPort { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>
    /// Defaults of system settings from variables, by key. <see cref="Load(EnvironmentValues)"/> leaves them empty, because only a server
    /// needs them.
    /// </summary>
    public IReadOnlyDictionary<string, GivenDefault> SettingDefaults { get; init; } = new Dictionary<string, GivenDefault>();

    /// <summary>What was read, to tell where a value comes from.</summary>
    public EnvironmentValues Values { get; init; } = new([]);

    /// <summary>The proxies that the environment names for the way out; the settings say whether they are used.</summary>
    public ProxyRoute Proxies { get; init; } = ProxyRoute.Direct;

    /// <summary>A file of certificate authorities for the whole process, in place of the system's.</summary>
    public string? CertFile { get; init; }

    /// <summary>Folders of them, separated by colons.</summary>
    public string? CertDir { get; init; }

    /// <summary>Allows an empty database in a folder that has held one.</summary>
    public bool Initialize { get; init; }

    /// <summary>
    /// Serves one command on the folder of a stopped server: listens nowhere, and answers only inside this process.
    /// </summary>
    public bool ForCommand { get; init; }

    /// <summary>The zone by which schedules count, as TZ names it in the environment or a file; UTC where it names none.</summary>
    public TimeZoneInfo Zone { get; init; } = TimeZoneInfo.Utc;

    /// <summary>How long a start waits for the end of the process that holds the data folder.</summary>
    public TimeSpan FolderWait { get; init; }

    /// <summary>How long running answers may continue after the process was asked to stop.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Reads the options.</summary>
    /// <exception cref="StartupException">A value is wrong; the message names the variable and where it stands.</exception>
    public static ServerOptions Load(EnvironmentValues values)
    {
        var masterKeyFile = values.FindFile(ServerVariables.MasterKey)?.Text;
        ServerVariables.InitializeOnStart.Read(values); // only judged
        values.FindFile(ServerVariables.SetupCode); // refuses it twice; the file is read only while there is no account
        var certificate = ServerVariables.TlsCertificate.Read(values);
        var key = ServerVariables.TlsKey.Read(values);
        var redirectPort = ServerVariables.TlsRedirectPort.Read(values);
        if (certificate is null && (key is not null || redirectPort is not null))
        {
            throw new StartupException(
                StartupException.Configuration,
                $"TLS_CERT_FILE is missing, but {(key is null ? "TLS_REDIRECT_PORT" : "TLS_KEY_FILE")} is set.");
        }

        return new ServerOptions
        {
            Values = values,
            Port = ServerVariables.Port.Read(values),
            Host = ServerVariables.Host.Read(values),
            DataDir = ServerVariables.DataDir.Read(values)!,
            DatabasePath = ServerVariables.Database.Read(values)?.Path,
            DatabaseServer = ServerVariables.Database.Read(values)?.Server,
            NodeUrl = ServerVariables.NodeUrl.Read(values),
            ImageDir = ServerVariables.ImageDir.Read(values),
            ImageStore = ReadImageStore(values),
            JwtSecret = ServerVariables.JwtSecret.Read(values),
            MasterKeyFile = masterKeyFile,
            MasterKey = masterKeyFile is null ? ServerVariables.MasterKey.Read(values) : null,
            SetupCode = () => ServerVariables.SetupCode.Read(values),
            MetricsToken = ServerVariables.MetricsToken.Read(values),
            CorsOrigins = ServerVariables.Cors.Read(values) == false ? [] : ServerVariables.CorsOrigins.Read(values),
            TrustedProxies = ServerVariables.TrustedProxies.Read(values),
            AllowedHosts = ServerVariables.AllowedHosts.Read(values),
            BasePath = ServerVariables.BasePath.Read(values),
            TlsCertificateFile = certificate,
            TlsKeyFile = key,
            TlsRedirectPort = redirectPort,
            LogLevel = ServerVariables.LogLevel.Read(values),
            Proxies = ProxyRoute.Of(
                Proxy(values, ServerVariables.HttpProxy), Proxy(values, ServerVariables.HttpsProxy),
                Proxy(values, ServerVariables.AllProxy)),
            CertFile = values.Find(ServerVariables.CertFile)?.Text,
            CertDir = values.Find(ServerVariables.CertDir)?.Text,
            FolderWait = TimeSpan.FromSeconds(ServerVariables.FolderWait.Read(values)),
            ShutdownGrace = TimeSpan.FromSeconds(ServerVariables.ShutdownGrace.Read(values)),
            Zone = TimeZones.Find(ServerVariables.TimeZone.Read(values)).Zone,
        };
    }

    /// <summary>The variables of AWS, which others use too, count only where the address holds no key.</summary>
    private static S3Place? ReadImageStore(EnvironmentValues values)
    {
        var place = ServerVariables.ImageStore.Read(values);
        var (key, secret) = (ServerVariables.ImageStoreKey.Read(values), ServerVariables.ImageStoreSecret.Read(values));
        var token = ServerVariables.ImageStoreToken.Read(values);
        return place is null || place.AccessKey.Length > 0 ? place
            : key is not null && secret is not null ? place with { AccessKey = key, SecretKey = secret, SessionToken = token }
            : throw new StartupException(
                StartupException.Configuration, "IMAGE_STORE needs a key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
    }

    /// <summary>A wrong one does not stop the start: it belongs to every program of the machine, and may not be used here.</summary>
    private static ProxyChoice? Proxy(EnvironmentValues values, Variable variable) =>
        values.Find(variable) is { } given ? ProxyChoice.Read(given.Name, given.Text) : null;

    /// <summary>Reads the options from one source, such as the environment of this process.</summary>
    /// <param name="get">Returns the value of a variable, or null.</param>
    /// <exception cref="StartupException">A value is wrong; the message names the variable.</exception>
    public static ServerOptions Load(Func<string, string?> get) => Load(EnvironmentValues.Of(get));
}
