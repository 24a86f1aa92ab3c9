using System.Data.Common;
using System.Net;
using AiChat.Data.Store;
using AiChat.Endpoints.Housekeeping;
using AiChat.Tests.Chat;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Api;

/// <summary>Expired data is removed at the start and every hour.</summary>
[Trait("Mode", "InProcess")]
public sealed class RetentionTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 23, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Each_thing_goes_when_its_time_is_over_and_not_before()
    {
        var clock = new FakeTimeProvider(Start);
        await using var chat = await ImageChat.StartAsync(new TestServerOptions { Clock = clock });
        var (waiting, sent) = (await chat.Upload(SampleImages.Png()), await chat.Upload(SampleImages.Gif()));
        var (fresh, session) = (await chat.Upload(SampleImages.Png()), await chat.Owner.NewSession(chat.ConnectionId));
        await (await chat.Ask(session, "look", [sent])).ReadAllAsync();
        await (await chat.Owner.PostJson("/api/sessions", new { temporary = true })).Expect(HttpStatusCode.Created);

        // The rows are aged instead of moving the clock: each expires in an hour and a half, or much later.
        var (soon, later) = (Start.AddMinutes(90), Start.AddDays(2));
        await Execute(chat.Server, $"""
            update images set created_at = {At(soon.AddDays(-1))} where id = '{waiting}';
            update images set created_at = {At(soon.AddDays(-30))} where id = '{sent}';
            update sessions set updated_at = {At(soon.AddDays(-1))};
            insert into users (role, status, expires_at, created_at)
            values ('GUEST', 'ACTIVE', {At(soon)}, 0), ('GUEST', 'ACTIVE', {At(later)}, 0), ('GUEST', 'ACTIVE', null, 0);
            insert into sessions (id, user_id, title, created_at, updated_at) select 100 + u.id, u.id, '', 0, 0 from users u;
            insert into shares (token, sealed_token, session_id, user_id, leaf_id, expires_at, created_at)
            select 's' || u.id, '', 100 + u.id, u.id, (select max(id) from messages),
                case u.id when 1 then {At(soon)} when 2 then {At(later)} end, 0
            from users u
            where u.id in (1, 2, 5);
            update logins set expires_at = {At(soon)} where id = (select min(id) from logins);
            """);
        var logins = await Scalar(chat.Server, "select count(*) from logins");

        await Hour(chat.Server, clock);
        Assert.Equal((3L, 7L, 3L, 3L, logins), await Counts(chat.Server));
        await Hour(chat.Server, clock);
        Assert.Equal((1L, 5L, 2L, 2L, logins - 1), await Counts(chat.Server));
        Assert.False(File.Exists(chat.File(waiting, ".png")));
        Assert.False(File.Exists(chat.File(sent, ".gif")));
        Assert.True(File.Exists(chat.File(fresh, ".png")));
        Assert.Equal(2, await Scalar(chat.Server, "select count(*) from messages"));
    }

    [Fact]
    public async Task The_administrator_decides_how_long_and_zero_is_for_ever()
    {
        var clock = new FakeTimeProvider(Start);
        await using var chat = await ImageChat.StartAsync(new TestServerOptions { Clock = clock });
        await (await chat.Admin.PatchJson("/api/settings/system", new { chatImageRetentionDays = 0, temporaryChatHours = 1 }))
            .Expect(HttpStatusCode.OK);
        var sent = await chat.Upload(SampleImages.Gif());
        await (await chat.Ask(await chat.Owner.NewSession(chat.ConnectionId), "look", [sent])).ReadAllAsync();
        var temporary = await (await chat.Owner.PostJson("/api/sessions", new { temporary = true })).Json(HttpStatusCode.Created);
        Assert.Equal(Start.AddHours(1), temporary.GetProperty("expiresAt").GetDateTimeOffset());
        await Execute(chat.Server, $"update images set created_at = 0; update sessions set updated_at = {At(Start) - 1}");

        await Hour(chat.Server, clock);
        Assert.Equal((1L, 1L), ((await Counts(chat.Server)).Images, (await Counts(chat.Server)).Sessions));
        await (await Renewed(chat)).PatchJson("/api/settings/system", new { chatImageRetentionDays = 1 });
        await Hour(chat.Server, clock);
        Assert.Equal((0L, 1L), ((await Counts(chat.Server)).Images, (await Counts(chat.Server)).Sessions));
        Assert.False(File.Exists(chat.File(sent, ".gif")));
    }

    [Fact]
    public async Task A_crash_between_row_and_file_is_repaired_at_the_next_start()
    {
        await using var chat = await ImageChat.StartAsync();
        var (kept, orphan, lost) =
            (await chat.Upload(SampleImages.Png()), await chat.Upload(SampleImages.Png()), await chat.Upload(SampleImages.Png()));
        var doomed = await chat.Upload(SampleImages.Png());
        await chat.Server.StopAsync();
        var folder = Path.Combine(chat.Server.DataDir, "images");
        var (unfinished, foreign) = (Path.Combine(folder, "x.new"), Path.Combine(folder, "notes.txt"));
        await File.WriteAllTextAsync(unfinished, "half");
        await File.WriteAllTextAsync(foreign, "somebody else's");
        foreach (var path in new[] { unfinished, foreign, chat.File(orphan, ".png") })
        {
            File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        }

        File.Delete(chat.File(lost, ".png"));
        using (var db = new Db(Path.Combine(chat.Server.DataDir, "app.db")))
        {
            await db.Write(connection =>
            {
                Run(
                    connection,
                    $"delete from images where id in ('{orphan}', '{doomed}'); delete from doomed_files where file like '%{orphan}%'");
            });
        }

        await chat.Server.RestartAsync();
        await FileGone.WaitAsync(chat.File(orphan, ".png"));
        await Round(chat.Server, _ => true);
        Assert.False(File.Exists(unfinished));
        Assert.False(File.Exists(chat.File(doomed, ".png")));
        Assert.True(File.Exists(foreign));
        Assert.True(File.Exists(chat.File(kept, ".png")));
        Assert.Equal(1, await Scalar(chat.Server, "select count(*) from images"));
        Assert.Equal(0, await Scalar(chat.Server, "select count(*) from doomed_files"));
    }

    [Fact]
    public async Task An_empty_folder_where_images_should_be_takes_no_row_away()
    {
        await using var chat = await ImageChat.StartAsync();
        await chat.Upload(SampleImages.Png());
        await chat.Server.StopAsync();
        Directory.Delete(Path.Combine(chat.Server.DataDir, "images"), recursive: true);
        await chat.Server.RestartAsync();
        await Round(chat.Server, _ => true);
        Assert.Equal(1, await Scalar(chat.Server, "select count(*) from images"));
    }

    [Fact]
    public async Task Images_newer_than_a_database_that_was_put_back_are_there_again_with_the_newer_database()
    {
        await using var chat = await ImageChat.StartAsync();
        var newer = await chat.Upload(SampleImages.Png());
        var (file, bytes) = (chat.File(newer, ".png"), await File.ReadAllBytesAsync(chat.File(newer, ".png")));
        File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        await Offline(chat, "create table later as select * from images; delete from images; delete from doomed_files");

        await chat.Server.RestartAsync();
        await FileGone.WaitAsync(file);
        await Offline(chat, "insert into images select * from later; drop table later");
        await chat.Server.RestartAsync();
        await Round(chat.Server, _ => true);

        Assert.Equal(bytes, await File.ReadAllBytesAsync(file));
        Assert.Equal(1, await Scalar(chat.Server, "select count(*) from images"));
    }

    private static async Task Offline(ImageChat chat, string sql)
    {
        await chat.Server.StopAsync();
        using var db = new Db(Path.Combine(chat.Server.DataDir, "app.db"));
        await db.Write(connection => Run(connection, sql));
    }

    [Fact]
    public async Task Images_older_than_the_database_take_no_rows_away()
    {
        await using var chat = await ImageChat.StartAsync();
        var images = new List<string>();
        for (var i = 0; i < 12; i++)
        {
            images.Add(await chat.Upload(SampleImages.Png()));
        }

        await chat.Server.StopAsync();
        images.Take(11).ToList().ForEach(image => File.Delete(chat.File(image, ".png")));
        await chat.Server.RestartAsync();
        await Round(chat.Server, _ => true);
        Assert.Equal(12, await Scalar(chat.Server, "select count(*) from images"));
    }

    private static long At(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    /// <summary>Renews the access token, which expires with the hour.</summary>
    private static async Task<HttpClient> Renewed(ImageChat chat)
    {
        await (await chat.Admin.PostJson("/api/auth/refresh", new { })).Expect(HttpStatusCode.OK);
        return chat.Admin;
    }

    /// <summary>Moves the clock and waits for a whole round at the new time.</summary>
    [Fact]
    public async Task Task_traces_go_after_their_days_and_with_their_user()
    {
        var clock = new FakeTimeProvider(Start);
        await using var upstream = ChatSteps.Provider(exchange => OpenAiScript.Stream(exchange, "hello"));
        await using var server = await TestServer.StartAsync(new TestServerOptions { Clock = clock });
        var admin = await server.RegisterAdminAsync();
        var connection = await admin.Connect(upstream);
        await admin.Trace(
            new { taskTraceEnabled = true, taskTraceDefaultOn = true, taskTraceAdminOnly = false, taskTraceRetentionDays = 3 });
        var member = await server.RegisterUserAsync(admin);
        await member.Record(await member.NewSession(connection), "one");
        var session = await admin.NewSession(connection);
        await admin.Record(session, "two");
        await admin.Record(session, "three");
        await admin.Record(session, "four");
        Assert.Equal(4, (await admin.Traces()).Count); // all are stored
        using (var traces = new SqliteConnection($"Data Source={Path.Combine(server.DataDir, "traces.db")};Pooling=false"))
        {
            traces.Open();
            using var command = traces.CreateCommand();
            command.CommandText = """
                update traces set started_at = started_at - 3 * 86400000 where id = 2;
                update traces set started_at = started_at - 2 * 86400000 where id = 3;
                """;
            Assert.Equal(2, command.ExecuteNonQuery());
        }

        var memberId = (await member.GetJson("/api/auth/me")).GetProperty("user").Id();
        await (await admin.DeleteAsync($"/api/users/{memberId}")).Expect(HttpStatusCode.NoContent);
        await Hour(server, clock);

        await (await admin.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
            .Expect(HttpStatusCode.OK);
        Assert.Equal([4L, 3L], (await admin.Traces()).Select(trace => trace.Id()));
    }

    private static async Task Hour(TestServer server, FakeTimeProvider clock)
    {
        var round = Round(server, by => by >= clock.GetUtcNow());
        clock.Advance(TimeSpan.FromHours(1));
        await round;
    }

    private static async Task Round(TestServer server, Func<DateTimeOffset?, bool> isIt)
    {
        var retention = server.Services.GetRequiredService<Retention>();
        var round = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Done(DateTimeOffset? by)
        {
            if (isIt(by))
            {
                round.TrySetResult();
            }
        }

        retention.Ran += Done;
        retention.Wake();
        await round.Task.WaitAsync(TimeSpan.FromSeconds(20));
        retention.Ran -= Done;
    }

    private static async Task<(long Images, long Sessions, long Guests, long Shares, long Logins)> Counts(TestServer server) => (
        await Scalar(server, "select count(*) from images"), await Scalar(server, "select count(*) from sessions"),
        await Scalar(server, "select count(*) from users where role = 'GUEST'"), await Scalar(server, "select count(*) from shares"),
        await Scalar(server, "select count(*) from logins"));

    private static Task<long> Scalar(TestServer server, string sql) =>
        server.Services.GetRequiredService<Db>().Read(connection => (long)Run(connection, sql)!);

    private static Task Execute(TestServer server, string sql) => server.Services.GetRequiredService<Db>().Write(connection =>
    {
        Run(connection, sql);
    });

    private static object? Run(DbConnection connection, string sql)
    {
        using var command = ((SqliteConnection)connection).CreateCommand(); // takes several statements at once
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
