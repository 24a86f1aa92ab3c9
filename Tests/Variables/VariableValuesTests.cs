using AiChat.Data;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Variables;

/// <summary>What shells, panels, editors and container engines put around values, and secrets from files.</summary>
public sealed class VariableValuesTests : IDisposable
{
    private const string Secret = "q8Zr0vYt-1mKx5Wn7Lc2Hb9Dg4Fs6Jp3";
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    public static TheoryData<string, string> Wrapped => new()
    {
        { "{0}", "" }, { "\"{0}\"", "" }, { "'{0}'", "" }, { " {0} ", "" }, { "{0}\r", "" }, { "{0}\n", "" }, { "{0}\r\n", "" },
        { "\uFEFF{0}", "" }, { "\u00A0{0}\u200B", "" }, { "\uFEFF\"{0}\"\r\n", "" }, { "\" {0} \"", "" },
        { "\"{0}", "quotation mark (\")" }, { "“{0}”", "typographic quotation mark (U+201C)" }, { "`{0}`", "backtick" },
    };

    /// <summary>Every form: number, flag, choice, list, path, address; a secret and a text may begin with a quotation mark.</summary>
    [Theory]
    [MemberData(nameof(Wrapped))]
    public void What_stands_around_a_value_is_removed_or_named(string around, string sign)
    {
        foreach (var (variable, value) in new (Variable, string)[]
        {
            (ServerVariables.Port, "9000"), (ServerVariables.Cors, "true"), (ServerVariables.LogLevel, "warn"),
            (ServerVariables.AllowedHosts, "chat.example.org"), (ServerVariables.TrustedProxies, "10.0.0.0/8"),
            (ServerVariables.DataDir, "/srv/chat"), (ServerVariables.Database, "file:/srv/app.db"), (ServerVariables.BasePath, "/chat"),
            (ServerVariables.CorsOrigins, "https://a.example.org"), (ServerVariables.Host, "127.0.0.1"),
            (SettingTable.RegistrationEnabled.Variable, "false"), (SettingTable.MaxRuns.Variable, "7"),
            (SettingTable.DefaultDailyMoneyBudget.Variable, "1.5"), (SettingTable.SiteBaseUrl.Variable, "https://chat.example.org"),
            (SettingTable.WebSearchEngine.Variable, "brave"), (SettingTable.WebSearchDomainFilter.Variable, "example.org"),
        })
        {
            var values = Of((variable.Name, string.Format(null, around, value)));
            var given = values.Find(variable)!;
            if (sign.Length == 0)
            {
                Assert.Equal(value, given.Text);
                continue;
            }

            var broken = variable.Broken(given.Text);
            Assert.True(broken is not null, $"{variable.Name} takes {given.Text}");
            Assert.Contains($" The value holds a {sign}", given.Wrong(broken).Message);
        }
    }

    [Theory]
    [InlineData("PORT", "8001 # the port", "a blank")]
    [InlineData("PORT", "8001#port", "a number sign (#); a comment is not removed from a value")]
    [InlineData("PORT", "８００１", "the full-width sign U+FF18")]
    [InlineData("PORT", "80\u00A001", "a no-break space (U+00A0)")]
    [InlineData("PORT", "$PORT", "a dollar sign ($); variables are not expanded in a value")]
    [InlineData("CORS_ORIGIN", "https://a.example.org，https://b.example.org", "the full-width sign U+FF0C")]
    [InlineData("JWT_SECRET", "one line of a secret that is long\nand another", "a blank")]
    [InlineData("METRICS_TOKEN", "0123456789\r0123456789", "a carriage return")]
    public void A_sign_within_a_value_is_named(string name, string value, string sign) => Assert.EndsWith(
        $" The value holds {sign}.", Assert.Throws<StartupException>(() => ServerOptions.Load(Of((name, value)))).Message);

    [Theory]
    [InlineData("DATA_DIR", "~/data")]
    [InlineData("DATA_DIR", "$HOME/data")]
    [InlineData("DATA_DIR", "/srv/${NAME}")]
    [InlineData("DATA_DIR", "C:\\data")]
    [InlineData("DATA_DIR", "“/srv/data”")]
    [InlineData("CHAT_IMAGE_DIR", "a\nb")]
    [InlineData("DATABASE_URL", "file:~/app.db")]
    [InlineData("HOST", "http://0.0.0.0")]
    [InlineData("HOST", "0.0.0.0:8001")]
    [InlineData("PORT", "-1")]
    [InlineData("PORT", "65536")]
    [InlineData("PORT", "8001/tcp")]
    [InlineData("PORT", "tcp://10.0.0.1:8001")]
    [InlineData("DB_INIT_ON_START", "perhaps")]
    [InlineData("ENABLE_CORS", "*")]
    [InlineData("CORS_ORIGIN", "*")]
    [InlineData("CORS_ORIGIN", "https://a.example.org/path")]
    [InlineData("CORS_ORIGIN", "a.example.org")]
    [InlineData("TRUSTED_PROXIES", "proxy")]
    [InlineData("LOG_LEVEL", "loud")]
    public void Garbage_is_refused_by_name(string name, string value)
    {
        var refused = Assert.Throws<StartupException>(() => ServerOptions.Load(Of((name, value))));
        Assert.StartsWith($"{name} is wrong: it ", refused.Message);
        Wording.Check(refused.Message);
    }

    [Theory]
    [InlineData("https://Chat.Example.org/", "https://chat.example.org")]
    [InlineData("http://192.0.2.1:80,http://[2001:db8::1]:8080", "http://192.0.2.1", "http://[2001:db8::1]:8080")]
    [InlineData("http://bücher.example", "http://xn--bcher-kva.example")]
    public void Origins_are_what_browsers_send(string value, params string[] expected) =>
        Assert.Equal(expected, ServerOptions.Load(Of(("CORS_ORIGIN", value))).CorsOrigins);

    [Fact]
    public void An_origin_alone_switches_cors_on()
    {
        Assert.Single(ServerOptions.Load(Of(("CORS_ORIGIN", "https://a.example.org"), ("ENABLE_CORS", ""))).CorsOrigins);
        Assert.Empty(ServerOptions.Load(Of(("CORS_ORIGIN", "https://a.example.org"), ("ENABLE_CORS", "off"))).CorsOrigins);
        Assert.Throws<StartupException>(() => ServerOptions.Load(Of(("CORS_ORIGIN", "*"), ("ENABLE_CORS", "true"))));
    }

    [Theory]
    [InlineData("file:./data/app.db", "./data/app.db")]
    [InlineData("file:app.db", "app.db")]
    [InlineData("FILE:/srv/app.db", "/srv/app.db")]
    [InlineData("file:///srv/my%20chat/app.db", "/srv/my chat/app.db")]
    [InlineData("file://localhost/srv/app.db", "/srv/app.db")]
    [InlineData("file:./my%20chat.db", "./my%20chat.db")]
    [InlineData("file:./app.db?connection_limit=1&socket_timeout=10", "./app.db", "connection_limit", "socket_timeout")]
    [InlineData("sqlite:./app.db", "./app.db")]
    [InlineData("sqlite3:/srv/app.db", "/srv/app.db")]
    [InlineData("sqlite:////srv/app.db", "/srv/app.db")]
    [InlineData("/srv/app.db", "/srv/app.db")]
    [InlineData("./what?.db", "./what?.db")]
    [InlineData("../a:b.db", "../a:b.db")]
    public void A_database_is_a_file(string url, string path, params string[] ignored)
    {
        var read = DatabaseUrl.Parse(url, out var broken);
        Assert.Null(broken);
        Assert.Equal(path, read.Path);
        Assert.Equal(ignored, read.Ignored);
    }

    [Theory]
    [InlineData("postgres://user:pw@db/chat?schema=public", "known are sslmode")]
    [InlineData("postgres://user:pw@db/chat?sslmode=pw", "unknown value for sslmode")]
    [InlineData("postgresql://db/chat", "postgres://user:password@host")]
    [InlineData("postgres://user:pw@db", "postgres://user:password@host")]
    [InlineData("postgres://user:pw@db:99999/chat", "postgres://user:password@host")]
    [InlineData("mysql://root:pw@db:3306/chat", "kind mysql")]
    [InlineData("mongodb+srv://db", "kind mongodb+srv")]
    [InlineData("http://db/app.db", "file: and a path")]
    [InlineData("app", "file: and a path")]
    [InlineData("file:", "file: and a path")]
    [InlineData("file:?mode=ro", "file: and a path")]
    [InlineData("file:/srv/data/", "file: and a path")]
    [InlineData("file://server/share/app.db", "file: and a path")]
    [InlineData("file::memory:", "would be lost")]
    [InlineData("file:x?mode=memory&cache=shared", "would be lost")]
    [InlineData("sqlite:///data/app.db", "two readings")]
    [InlineData("sqlite://app.db", "two readings")]
    public void Other_databases_are_refused_by_name(string url, string reason)
    {
        var refused = Assert.Throws<StartupException>(() => ServerOptions.Load(Of(("DATABASE_URL", url))));
        Assert.StartsWith("DATABASE_URL is wrong: it ", refused.Message);
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("pw", refused.Message);
        Wording.Check(refused.Message.Replace("://:", ""));
    }

    [Theory]
    [InlineData("{0}")]
    [InlineData("{0}\n")]
    [InlineData("\uFEFF{0}\r\n")]
    public void Every_secret_may_stand_in_a_file_that_all_may_read(string content)
    {
        foreach (var variable in VariableTable.All.Where(variable => variable.IsSecret))
        {
            var path = Path.Combine(_folder, variable.Name);
            File.WriteAllText(path, string.Format(null, content, Secret));
            File.SetUnixFileMode(path, (UnixFileMode)0b100_100_100);
            Assert.Equal(Secret, Of((variable.Name + "_FILE", path)).Find(variable)!.Text);
        }

        Assert.True(VariableTable.All.Count(variable => variable.IsSecret) >= 5);
    }

    [Fact]
    public void A_file_of_a_secret_that_is_none_is_named()
    {
        File.WriteAllText(Path.Combine(_folder, "empty"), "\n");
        File.WriteAllBytes(Path.Combine(_folder, "bytes"), [0xFF, 0xC0, 0x80]);
        File.WriteAllText(Path.Combine(_folder, "weak"), "short");
        foreach (var (name, reason) in new[]
        {
            ("missing", "does not exist"), ("empty", "is empty"), ("bytes", "holds something other than text"), ("", "is a folder"),
        })
        {
            var path = Path.Combine(_folder, name);
            var refused = Assert.Throws<StartupException>(() => ServerOptions.Load(Of(("JWT_SECRET_FILE", path))));
            Assert.Equal($"JWT_SECRET_FILE is wrong: the file {path} {reason}.", refused.Message);
        }

        var weak = Assert.Throws<StartupException>(
            () => ServerOptions.Load(Of(("METRICS_TOKEN_FILE", Path.Combine(_folder, "weak")))));
        Assert.StartsWith("METRICS_TOKEN_FILE is wrong: it has 16 characters or more.", weak.Message);
    }

    [Fact]
    public void A_secret_twice_in_one_place_is_refused()
    {
        foreach (var variable in ServerVariables.All.Where(variable => variable.IsSecret && variable.Name != "AICHAT_SETUP_CODE"))
        {
            var refused = Assert.Throws<StartupException>(
                () => ServerOptions.Load(Of((variable.Name, Secret), (variable.Name + "_FILE", "/run/secrets/x"))));
            Assert.Equal($"{variable.Name} and {variable.Name}_FILE are both set; leave one of them out.", refused.Message);
        }

        // An empty value is none, as compose passes it on.
        File.WriteAllText(Path.Combine(_folder, "secret"), Secret);
        Assert.Equal(Secret, ServerOptions.Load(
            Of(("JWT_SECRET", ""), ("JWT_SECRET_FILE", Path.Combine(_folder, "secret")))).JwtSecret);

        // What the environment sets wins over both forms in a file.
        var file = new ValueLayer("/x/.env", name => name == "JWT_SECRET_FILE" ? "/nowhere" : null);
        Assert.Equal(Secret, ServerOptions.Load(
            new EnvironmentValues([new ValueLayer(null, name => name == "JWT_SECRET" ? Secret : null), file])).JwtSecret);
    }

    [Fact]
    public void Older_names_still_work_and_the_newer_wins()
    {
        Assert.Equal(7, ServerOptions.Load(Of(("BACKEND_PORT", "7"))).Port);
        Assert.Equal(8, ServerOptions.Load(Of(("BACKEND_PORT", "7"), ("PORT", "8"))).Port);
        var image = SettingTable.ReadVariables(Of(("CHAT_IMAGE_BASE_URL", "https://img.example.org")));
        Assert.Equal("https://img.example.org", image["siteBaseUrl"].Value);
        Assert.Equal("CHAT_IMAGE_BASE_URL", image["siteBaseUrl"].Given.Name);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static EnvironmentValues Of(params (string Name, string Value)[] variables) =>
        EnvironmentValues.Of(variables.ToDictionary(item => item.Name, item => item.Value).GetValueOrDefault);
}
