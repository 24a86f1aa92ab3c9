using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Variables;

/// <summary>What the operator is told at start without being stopped.</summary>
public sealed class StartNotesTests
{
    [Fact]
    public void Usual_environments_say_nothing()
    {
        Assert.Empty(Notes(
            ("PATH", "/bin"), ("HOME", "/root"), ("HOSTNAME", "a1b2"), ("TZ", ""), ("LANG", "C.UTF-8"), ("PORT", "8001"), ("TERM", "xterm"),
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("INVOCATION_ID", "x"), ("AICHAT_MASTER_KEY", ""), ("DOTNET_gcServer", "0")));

        // What Kubernetes and container links set for a service of the name aichat.
        Assert.Empty(Notes(
            ("AICHAT_SERVICE_HOST", "10.0.0.2"), ("AICHAT_SERVICE_PORT", "8001"), ("AICHAT_SERVICE_PORT_HTTP", "8001"),
            ("AICHAT_PORT", "tcp://10.0.0.2:8001"), ("AICHAT_PORT_8001_TCP", "tcp://10.0.0.2:8001"),
            ("AICHAT_PORT_8001_TCP_ADDR", "10.0.0.2"), ("AICHAT_WEB_SERVICE_HOST", "10.0.0.3"), ("AICHAT_NAME", "/web/aichat")));
    }

    [Fact]
    public void The_reference_s_compose_file_is_told_what_has_no_effect()
    {
        var notes = Notes(
            ("NODE_ENV", "production"), ("PORT", "8001"), ("DATABASE_URL", "file:./data/app.db"),
            ("DEFAULT_REGISTRATION_ENABLED", "true"), ("DEFAULT_CONTEXT_TOKEN_LIMIT", "120000"), ("ENABLE_CORS", "true"),
            ("CORS_ORIGIN", "http://192.0.2.1:3555"), ("LOG_LEVEL", "info"), ("DB_INIT_ON_START", "true"),
            ("NEXT_PUBLIC_API_URL", "/api"), ("BACKEND_HOST", "backend"), ("ENCRYPTION_KEY", "x"), ("SMTP_HOST", "mail"));
        var note = Assert.Single(notes);
        Assert.StartsWith("Without effect: BACKEND_HOST (", note);
        Assert.Contains("ENCRYPTION_KEY (AICHAT_MASTER_KEY takes its place, or the key made in DATA_DIR)", note);
        string[] others = ["DB_INIT_ON_START (", "NODE_ENV (", "NEXT_PUBLIC_API_URL (", "SMTP_HOST ("];
        Assert.All(others, name => Assert.Contains(name, note));
        Wording.Check(note);
    }

    [Theory]
    [InlineData("AICHAT_MASTERKEY", "x", "Not known and ignored: AICHAT_MASTERKEY (did you mean AICHAT_MASTER_KEY?).")]
    [InlineData("AICHAT_SETUPCODE_FILE", "x", "Not known and ignored: AICHAT_SETUPCODE_FILE (did you mean AICHAT_SETUP_CODE_FILE?).")]
    [InlineData("AICHAT_DATA_DIR", "x", "Not known and ignored: AICHAT_DATA_DIR (did you mean DATA_DIR?).")]
    [InlineData("AICHAT_FANCY_THING", "x", "Not known and ignored: AICHAT_FANCY_THING.")]
    [InlineData("CORS_ORIGINS", "x", "Not known and ignored: CORS_ORIGINS (did you mean CORS_ORIGIN?).")]
    [InlineData("TRUSTED_PROXYS", "x", null)]
    [InlineData("PUID", "1026",
        "Without effect: PUID (AICHAT_RUN_AS takes its place, such as 1026:100, with the container's user 0:0).")]
    [InlineData("ENABLE_CORS", "true", "ENABLE_CORS is true without CORS_ORIGIN, so no other site may call; the own page needs neither.")]
    [InlineData("DATABASE_URL", "file:a.db?connection_limit=1&pool=2",
        "DATABASE_URL has parameters of another program, which are ignored: connection_limit, pool.")]
    [InlineData("TZ", "Asia/Shanghi", "TZ=Asia/Shanghi is not known, so times count in UTC: did you mean Asia/Shanghai?")]
    [InlineData("TZ", "asia/shanghai", null)]
    [InlineData("TZ", "UTC+8", "TZ=UTC+8 is not known, so times count in UTC: a zone has a name such as Asia/Shanghai; by offset it is "
        + "Etc/GMT-8 for eight hours east of UTC.")]
    [InlineData("TZ", "../../../etc/passwd", "TZ=../../../etc/passwd is not known, so times count in UTC: a zone has a name such as "
        + "Asia/Shanghai.")]
    [InlineData("TZ", ":Asia/Shanghai", null)]
    [InlineData("TZ", "Asia/Shanghai", null)]
    [InlineData("TZ", "/usr/share/zoneinfo/Europe/Berlin", null)]
    [InlineData("TZ", "Etc/GMT-8", null)]
    [InlineData("TZ", "EST5EDT", null)]
    [InlineData("TZ", "UTC", null)]
    public void Each_thing_is_one_line(string name, string value, string? expected) =>
        Assert.Equal(expected is null ? [] : [expected], Notes((name, value)));

    [Fact]
    public void A_zone_is_the_one_of_its_name() =>
        Assert.Equal(TimeSpan.FromHours(8), TimeZones.Find(":Asia/Shanghai").Zone.GetUtcOffset(DateTimeOffset.UnixEpoch.AddYears(50)));

    [Theory]
    [InlineData("Asia/Shanghai", "Asia/Shanghai")]
    [InlineData("Asia/Shanghi", "UTC")]
    public void Schedules_count_in_the_zone_of_a_file_too(string inFile, string expected)
    {
        var file = Layer("/srv/.env", new() { ["TZ"] = inFile });
        Assert.Equal(expected, ServerOptions.Load(new EnvironmentValues([Layer(null, []), file])).Zone.Id);
    }

    [Fact]
    public void A_file_is_named_with_what_it_gives()
    {
        var file = new Dictionary<string, string>
        {
            ["PORT"] = "3000",
            ["LOG_LEVEL"] = "info",
            ["NEXT_AUTH"] = "1",
            ["BRAND_TEXT"] = "${NAME} chat",
        };
        var values = new EnvironmentValues(
        [
            Layer(null, new() { ["LOG_LEVEL"] = "warn" }), Layer("/srv/.env", file), Layer("/srv/other", new() { ["FOREIGN"] = "$X" }),
        ]);
        Assert.Equal(
            [
                "Read /srv/.env: BRAND_TEXT, PORT; the environment or a later file wins for LOG_LEVEL.",
                "A dollar sign in /srv/.env is taken as it is, nothing is expanded: BRAND_TEXT.",
            ],
            StartNotes.Files(values).Concat(StartNotes.Of(values)));
    }

    [Fact]
    public void Two_names_of_one_thing_are_told() => Assert.Equal(
        ["Set twice: PORT and BACKEND_PORT (PORT is used)."], Notes(("PORT", "1"), ("BACKEND_PORT", "2")));

    private static IEnumerable<string> Notes(params (string Name, string Value)[] variables) =>
        StartNotes.Of(new EnvironmentValues([Layer(null, variables.ToDictionary(item => item.Name, item => item.Value))]));

    private static ValueLayer Layer(string? file, Dictionary<string, string> values) =>
        new(file, values.GetValueOrDefault) { Names = [.. values.Keys] };
}
