using AiChat.Data.Accounts;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;

namespace AiChat.Tests.Data;

/// <summary>The lifetime of a login: a week without use, a month in all.</summary>
public sealed class LoginsTests : IDisposable
{
    private static readonly DateTimeOffset Start = DateTimeOffset.Parse("2026-11-23T08:00:00Z");
    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;
    private readonly Db _db;
    private readonly Logins _logins;
    private readonly Users _users;

    public LoginsTests()
    {
        var path = Path.Combine(_folder, "app.db");
        Migrator.Run(path);
        _db = new Db(path);
        var authCache = new AuthCache(_db);
        _logins = new Logins(_db, authCache);
        _users = new Users(_db, authCache);
    }

    [Fact]
    public async Task A_week_without_use_ends_a_login()
    {
        var user = await Open("family", "r0");
        Assert.Equal(Rotation.Unknown, (await _logins.Rotate("family", "r0", "r1", "ip", Start.AddDays(7))).Outcome);
        Assert.Empty(await _logins.List(user, Start.AddDays(7)));
        await _logins.Sweep(Start.AddDays(7));
        Assert.Equal(Rotation.Unknown, (await _logins.Rotate("family", "r0", "r1", "ip", Start)).Outcome);
    }

    [Fact]
    public async Task A_month_ends_a_login_however_much_it_is_used()
    {
        await Open("family", "r0");
        var day = 0;
        while ((await _logins.Rotate("family", $"r{day}", $"r{day + 1}", "ip", Start.AddDays(day))).Outcome == Rotation.Rotated)
        {
            day++;
        }

        Assert.Equal(30, day);
    }

    [Fact]
    public async Task No_login_opens_for_a_password_that_changed_meanwhile()
    {
        var user = await Open("family", "r0");
        Assert.NotNull(await _users.ChangePassword(new Caller(user, "ip"), 0, "hash", "other", Start));
        Assert.Null(await _logins.Insert(new NewLogin(user, "browser", "second", "r0", "hash", "ip", "agent"), Start));
        Assert.NotNull(await _logins.Insert(new NewLogin(user, "browser", "second", "r0", "other", "ip", "agent"), Start));
    }

    [Fact]
    public async Task Ids_of_ended_logins_are_not_used_again()
    {
        var user = await Open("family", "r0");
        var first = (await _logins.List(user, Start)).Single().Id;
        Assert.True(await _logins.End(new Caller(user, "ip"), first, Start));
        var second = await _logins.Insert(new NewLogin(user, "browser", "second", "r0", "hash", "ip", "agent"), Start);
        Assert.True(second!.Value.Id > first);
    }

    public void Dispose()
    {
        _db.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<long> Open(string family, string refresh)
    {
        var (_, id) = await _users.Register("owner", "hash", mayBeFirst: true, open: true, "ip", Start);
        Assert.NotNull(await _logins.Insert(new NewLogin(id, "browser", family, refresh, "hash", "ip", "agent"), Start));
        return id;
    }
}
