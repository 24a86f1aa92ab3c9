using System.Globalization;
using System.Net;
using AiChat.Data;
using AiChat.Providers.Storage;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Variables;

/// <summary>
/// Every variable of the server itself, once. A row here and its read in <see cref="ServerOptions"/> is all that a new one needs: the
/// README's table, .env.example and <c>aichat settings</c> follow. The defaults of settings stand in their own table.
/// </summary>
internal static class ServerVariables
{
    // Before the rows, whose initialisers add to it.
    private static readonly List<Variable> Declared = [];

    public static readonly Variable<int> Port = Add(new Variable<int>(
        "PORT", VariableSection.Network, VariableRules.Number(0, 65_535), 8001, "8001",
        new("The port to listen on; 0 takes a free one", "监听的端口；0 表示任取一个空闲端口"))
    {
        OlderNames = ["BACKEND_PORT"],
    });
    public static readonly Variable<string?> Host = Add(new Variable<string?>(
        "HOST", VariableSection.Network,
        VariableRules.Text(new("an address of this machine, localhost, *", "本机地址、localhost 或 *"), BrokenHost),
        null, new("every interface", "所有网卡"), new("Where to listen", "监听的地址")));
    public static readonly Variable<string> BasePath = Add(new Variable<string>(
        "BASE_PATH", VariableSection.Network, new(new("a path such as /chat", "路径，例如 /chat"), ParseBasePath),
        "", "–", new("The path below which a proxy serves it", "反向代理提供服务的子路径")));
    public static readonly Variable<string[]> TrustedProxies = Add(new Variable<string[]>(
        "TRUSTED_PROXIES", VariableSection.Network,
        VariableRules.List(
            new("addresses or networks, such as 127.0.0.1, 172.16.0.0/12", "地址或网段，例如 127.0.0.1, 172.16.0.0/12"),
            "is a list of addresses or networks such as 127.0.0.1 or 172.16.0.0/12", Network),
        [], "–", new("Proxies whose forwarding headers are believed", "可信的反向代理，采信其转发头")));
    public static readonly Variable<string[]> AllowedHosts = Add(new Variable<string[]>(
        "ALLOWED_HOSTS", VariableSection.Network,
        VariableRules.List(
            new("host names without ports", "主机名，不含端口"),
            "is a list of host names without scheme and port, such as chat.example.org", HostName),
        [], new("every name", "任何名字"), new("Names this server may be called by; any other gets 400", "允许用来访问的主机名，其他一律 400")));
    public static readonly Variable<string?> TlsCertificate = Add(new Variable<string?>(
        "TLS_CERT_FILE", VariableSection.Network, VariableRules.Path(new("a path", "路径")), null, new("plain HTTP", "明文 HTTP"),
        new(
            "The certificate and its chain as PEM: the server speaks HTTPS on PORT and takes a new file by itself",
            "PEM 格式的证书及证书链：服务器在 PORT 上使用 HTTPS，证书更新后自动采用")));
    public static readonly Variable<string?> TlsKey = Add(new Variable<string?>(
        "TLS_KEY_FILE", VariableSection.Network, VariableRules.Path(new("a path", "路径")), null,
        new("in TLS_CERT_FILE", "在 TLS_CERT_FILE 中"), new("The key of the certificate as PEM, not encrypted", "证书的私钥，PEM 格式，未加密")));
    public static readonly Variable<int?> TlsRedirectPort = Add(new Variable<int?>(
        "TLS_REDIRECT_PORT", VariableSection.Network,
        new("0 … 65535", (string text, out string? broken) => VariableRules.Number(0, 65_535).Parse(text, out broken)), null, "–",
        new("A port that sends plain HTTP to HTTPS, such as 80", "将明文 HTTP 重定向到 HTTPS 的端口，例如 80")));

    public static readonly Variable<string?> HttpsProxy = Add(Proxy(
        "HTTPS_PROXY",
        new(
            "The proxy to providers with https; SOCKS is socks5h://, a user and a password stand before the host",
            "访问 https 服务商的代理；SOCKS 写 socks5h://，用户名和密码写在主机之前")));
    public static readonly Variable<string?> HttpProxy = Add(Proxy(
        "HTTP_PROXY", new("The proxy to providers with http", "访问 http 服务商的代理")));
    public static readonly Variable<string?> AllProxy = Add(Proxy(
        "ALL_PROXY", new("The proxy where neither of the two above is set", "上面两项都未设置时使用的代理")));
    public static readonly Variable<string?> CertFile = Add(new Variable<string?>(
        "SSL_CERT_FILE", VariableSection.Network, VariableRules.Path(new("a path", "路径")), null, new("the system's", "系统自带"),
        new(
            "A file of certificate authorities (PEM) that providers are judged by, such as that of your company",
            "用来验证服务商证书的根证书文件（PEM），例如公司自己的")));
    public static readonly Variable<string?> CertDir = Add(new Variable<string?>(
        "SSL_CERT_DIR", VariableSection.Network, VariableRules.Path(new("paths, separated by colons", "路径，以冒号分隔")), null,
        new("the system's", "系统自带"),
        new("Folders of them, with hashed names as openssl rehash makes them", "根证书目录，文件名须经 openssl rehash 处理")));

    public static readonly Variable<string?> DataDir = Add(new Variable<string?>(
        "DATA_DIR", VariableSection.Data, VariableRules.Path(new("a path", "路径")), "./data", "./data",
        new("The folder for everything the server writes; made with mode 0700", "服务器写入一切内容的目录，以 0700 权限创建")));
    public static readonly Variable<DatabasePlace?> Database = Add(new Variable<DatabasePlace?>(
        "DATABASE_URL", VariableSection.Data,
        new(
            new(
                "file: and a path, such as file:./data/app.db, or postgres://user:password@host/database",
                "file: 加路径，例如 file:./data/app.db，或 postgres://用户:密码@主机/数据库"),
            DatabaseUrl.Read),
        null, "file:$DATA_DIR/app.db",
        new(
            "The database file, elsewhere; a relative path begins in the working directory. Or PostgreSQL 15 or newer",
            "数据库文件放到别处；相对路径以工作目录为准。也可使用 PostgreSQL 15 或更新版本"))
    {
        Shown = DatabaseUrl.Shown,
    });
    public static readonly Variable<string?> NodeUrl = Add(new Variable<string?>(
        "NODE_URL", VariableSection.Data,
        VariableRules.Text(
            new("an address such as http://10.0.0.5:8001", "地址，例如 http://10.0.0.5:8001"),
            text => Origin(text) is null ? "is an address such as http://10.0.0.5:8001, without a path" : null),
        null, "–",
        new(
            "Several servers on one PostgreSQL: where the others reach this one, without a balancer between",
            "多台服务器共用一个 PostgreSQL 时，其他服务器访问本机的地址，中间不经负载均衡")));
    public static readonly Variable<string?> ImageDir = Add(new Variable<string?>(
        "CHAT_IMAGE_DIR", VariableSection.Data, VariableRules.Path(new("a path", "路径")), null, "$DATA_DIR/images",
        new("The folder for uploaded images; back it up together with the database", "上传图片的目录；请与数据库一起备份")));
    public static readonly Variable<S3Place?> ImageStore = Add(new Variable<S3Place?>(
        "IMAGE_STORE", VariableSection.Data,
        new(
            new(
                "s3://bucket/folder?endpoint=https://s3.example.org&region=us-east-1, style=path or host",
                "s3://桶/目录?endpoint=https://s3.example.org&region=us-east-1，style=path 或 host"),
            ImageStoreUrl.Read),
        null, "–",
        new(
            "An S3-compatible store for the images, for several servers or a small disk; the folder is then a cache",
            "存放图片的 S3 兼容存储，用于多台服务器或小硬盘；图片目录此时只作缓存"))
    {
        Shown = ImageStoreUrl.Shown,
    });
    public static readonly Variable<bool> InitializeOnStart = Add(new Variable<bool>(
        "DB_INIT_ON_START", VariableSection.Data, VariableRules.Flag, false, "false",
        new(
            "Accepted and without effect: a missing database is made at any start, and nothing is ever seeded again",
            "接受但不起作用：缺少数据库时任何一次启动都会创建，且不会重复播种")));

    public static readonly Variable<string?> JwtSecret = Add(Secret(
        "JWT_SECRET", new("32 characters or more, random", "至少 32 个随机字符"), new("derived from the master key", "由主密钥派生"),
        new("Signs logins; published examples are refused", "签署登录凭证；拒绝公开示例中的值"), SecretRules.BrokenJwt));
    public static readonly Variable<string?> MasterKey = Add(Secret(
        "AICHAT_MASTER_KEY", new("32 bytes as base64 or hex", "32 字节，base64 或十六进制"),
        new("$DATA_DIR/master.key, made at the first start", "$DATA_DIR/master.key，首次启动时生成"),
        new(
            "Encrypts the providers' keys, which cannot be read without it: keep it with your backups",
            "加密各服务商的密钥；没有它就无法读出，请与备份一起保存"), SecretRules.BrokenKey));
    public static readonly Variable<string?> SetupCode = Add(Secret(
        "AICHAT_SETUP_CODE", new("8 to 128 letters, digits and signs", "8 到 128 个字母、数字和符号"),
        new("made up, kept in $DATA_DIR/setup-code until it is used", "随机生成，用过之前保存在 $DATA_DIR/setup-code"),
        new("What the first registration must give", "注册第一个账号时必须提供的代码"), SecretRules.BrokenCode));
    public static readonly Variable<string?> ImageStoreKey = Add(Secret(
        "AWS_ACCESS_KEY_ID", new("a text", "文本"), "–",
        new("The key of IMAGE_STORE, unless its address holds one", "IMAGE_STORE 的访问密钥 ID，除非其地址中已包含")));
    public static readonly Variable<string?> ImageStoreSecret = Add(Secret(
        "AWS_SECRET_ACCESS_KEY", new("a text", "文本"), "–",
        new("The secret of that key", "该访问密钥的私有密钥")));
    public static readonly Variable<string?> ImageStoreToken = Add(Secret(
        "AWS_SESSION_TOKEN", new("a text", "文本"), "–",
        new("What belongs to a key that holds for some hours", "临时访问密钥的会话令牌")));
    public static readonly Variable<string?> MetricsToken = Add(Secret(
        "METRICS_TOKEN", new("16 characters or more", "至少 16 个字符"), "–",
        new("Opens /metrics to a monitor that sends it as bearer token", "监控系统以 Bearer 令牌携带它即可读取 /metrics"),
        text => text.Length < 16 ? "has 16 characters or more" : null));

    public static readonly Variable<string[]> CorsOrigins = Add(new Variable<string[]>(
        "CORS_ORIGIN", VariableSection.Browsers,
        VariableRules.List(
            new("origins such as https://chat.example.org", "来源，例如 https://chat.example.org"),
            "is a list of exact origins such as https://chat.example.org; * is not accepted", Origin),
        [], "–",
        new("Other sites whose pages may call the API; the own page needs none", "允许其页面调用 API 的其他站点；自带页面无需设置")));
    public static readonly Variable<bool?> Cors = Add(new Variable<bool?>(
        "ENABLE_CORS", VariableSection.Browsers,
        new("true, false", (string text, out string? broken) => VariableRules.Flag.Parse(text, out broken)), null,
        new("on with CORS_ORIGIN", "设置 CORS_ORIGIN 即开启"), new("Set to false it switches CORS_ORIGIN off", "设为 false 则停用 CORS_ORIGIN")));

    public static readonly Variable<LogLevel> LogLevel = Add(new Variable<LogLevel>(
        "LOG_LEVEL", VariableSection.Running,
        VariableRules.Choice<LogLevel>(["trace", "debug", "info", "warn", "error", "none"], Level),
        Microsoft.Extensions.Logging.LogLevel.Information, "info",
        new("What is logged, as lines of JSON on standard error", "日志级别；以 JSON 行写到标准错误")));
    public static readonly Variable<int> ShutdownGrace = Add(new Variable<int>(
        "SHUTDOWN_GRACE_SECONDS", VariableSection.Running, VariableRules.Number(0, 20), 20, "20",
        new("How long running answers may go on after SIGTERM", "收到 SIGTERM 后，进行中的回答最多再持续几秒")));
    public static readonly Variable<int> FolderWait = Add(new Variable<int>(
        "AICHAT_WAIT_FOR_FOLDER", VariableSection.Running, VariableRules.Number(0, 86_400), 0, "0",
        new(
            "How many seconds a start waits for the end of the process that holds the data folder: alive, but not ready",
            "启动时最多等待占用数据目录的进程结束几秒；期间存活但未就绪")));
    public static readonly Variable<Owner?> RunAs = Add(new Variable<Owner?>(
        "AICHAT_RUN_AS", VariableSection.Running,
        new(new("a user and a group by number, such as 65532:65532", "用数字表示的用户和组，例如 65532:65532"), ParseOwner), null, "–",
        new(
            "Started as root, gives the data folder to this user and goes on as that user; for containers",
            "以 root 启动时，把数据目录交给该用户并以其身份继续运行；用于容器")));

    public static readonly Variable<string?> TimeZone = Add(new Variable<string?>(
        "TZ", VariableSection.Running, VariableRules.Text(new("a zone such as Asia/Shanghai", "时区，例如 Asia/Shanghai")), null,
        new("that of the system, else UTC", "系统时区，否则 UTC"),
        new("The zone by which schedules count; quotas count days in UTC", "定时任务所用的时区；配额按 UTC 日计算")));

    /// <summary>In the order of their declaration.</summary>
    public static readonly IReadOnlyList<Variable> All = Declared;

    private static Variable<T> Add<T>(Variable<T> variable)
    {
        Declared.Add(variable);
        return variable;
    }

    private static Variable<string?> Secret(string name, Words form, Words absent, Words does, Func<string, string?>? check = null) =>
        new(name, VariableSection.Secrets, VariableRules.Text(form, check), null, absent, does) { IsSecret = true };

    private static Variable<string?> Proxy(string name, Words does) => new(
        name, VariableSection.Network,
        VariableRules.Text(
            new("an address such as http://proxy.example:3128", "地址，例如 http://proxy.example:3128"),
            text => OutboundProxy.Parse(text, out var broken) is null ? broken : null),
        null, "–", does)
    {
        OlderNames = [name.ToLowerInvariant()],
        IsSecret = true,
    };

    private static string? BrokenHost(string host) => host is "*" or "localhost" || IPAddress.TryParse(host, out _)
        ? null : "is an address of this machine, localhost or *";

    private static string? Network(string text) => IPNetwork.TryParse(text, out _) || IPAddress.TryParse(text, out _) ? text : null;

    /// <summary>As in a Host header; null when it is no name.</summary>
    private static string? HostName(string text) =>
        !text.All(c => char.IsLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '[' or ']')
        || Uri.CheckHostName(text.Trim('[', ']')) == UriHostNameType.Unknown ? null
        : text.Contains(':') && text[0] != '[' ? $"[{text}]"
        : text.All(char.IsAscii) ? text
        : new Uri($"http://{text}").IdnHost;

    /// <summary>As browsers send it; null when it is no origin.</summary>
    private static string? Origin(string text)
    {
        var isOrigin = Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0
            && uri.PathAndQuery == "/" && uri.Fragment.Length == 0;
        var host = uri?.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri?.IdnHost;
        return isOrigin ? $"{uri!.Scheme}://{host}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}" : null;
    }

    private static string ParseBasePath(string text, out string? broken)
    {
        var path = text.TrimEnd('/');
        var wrong = path.Length > 0 && (path[0] != '/' || !path.All(IsOfPath) || path.Contains("//") || path.Contains(".."));
        broken = wrong ? "is a path such as /chat" : null;
        return path;
    }

    private static Owner? ParseOwner(string text, out string? broken)
    {
        var parts = text.Split(':');
        var found = parts.Length <= 2
            && uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var user)
            && uint.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var group)
            && user is > 0 and < uint.MaxValue && group < uint.MaxValue ? new Owner(user, group) : (Owner?)null;
        broken = found is null ? "is a user and a group by number, other than root, such as 65532:65532" : null;
        return found;
    }

    private static bool IsOfPath(char c) => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' or '~';

    private static LogLevel? Level(string text) => text switch
    {
        "info" or "information" => Microsoft.Extensions.Logging.LogLevel.Information,
        "trace" => Microsoft.Extensions.Logging.LogLevel.Trace,
        "debug" => Microsoft.Extensions.Logging.LogLevel.Debug,
        "warn" or "warning" => Microsoft.Extensions.Logging.LogLevel.Warning,
        "error" => Microsoft.Extensions.Logging.LogLevel.Error,
        "none" or "silent" => Microsoft.Extensions.Logging.LogLevel.None,
        _ => null,
    };
}
