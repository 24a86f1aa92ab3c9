using System.Data.Common;
using AiChat.Data.Postgres;
using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Imports;

/// <summary>The imports of archives that people uploaded.</summary>
internal sealed class ImportRows(Db db)
{
    /// <summary>Finished ones that a person's list keeps.</summary>
    private const int MaxKept = 20;

    private const string Columns = "id, user_id, state, name, bytes, options, report, starts, created_at, ended_at";

    /// <summary>Adds one that is running; the oldest finished ones leave the list.</summary>
    /// <param name="max">Running ones of one person; null when there are as many.</param>
    public Task<ImportRow?> Insert(long userId, string name, long bytes, string options, int max, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write<ImportRow?>(connection =>
        {
            RowLock.User(connection, userId);
            if (CountRunning(connection, userId) >= max)
            {
                return null;
            }

            connection.Execute("""
                delete from imports where user_id = @userId and state <> 'running' and id not in (
                    select id from imports where user_id = @userId order by id desc limit @MaxKept)
                """, new { userId, MaxKept });
            return connection.QuerySingle<ImportRow>($"""
                insert into imports (user_id, state, name, bytes, options, created_at)
                values (@userId, 'running', @name, @bytes, @options, @at)
                returning {Columns}
                """, new { userId, name, bytes, options, at });
        });
    }

    public Task<ImportRow?> Find(long userId, long id) => db.Read<ImportRow?>(connection => connection.QueryFirstOrDefault<ImportRow>($"""
        select {Columns} from imports where id = @id and user_id = @userId
        """, new { id, userId }));

    /// <summary>Newest first.</summary>
    public Task<List<ImportRow>> List(long userId) => db.Read(connection => connection.Query<ImportRow>($"""
        select {Columns} from imports where user_id = @userId order by id desc limit 40
        """, new { userId }).ToList());

    /// <summary>Those that did not end, in their order.</summary>
    public Task<List<ImportRow>> Running() => db.Read(connection => connection.Query<ImportRow>($"""
        select {Columns} from imports where state = 'running' order by id limit 1000
        """).ToList());

    /// <summary>How many of a person's did not end.</summary>
    public Task<long> CountRunning(long userId) => db.Read(connection => CountRunning(connection, userId));

    /// <summary>Counts a start. False when it is gone, with its owner, or has ended.</summary>
    /// <param name="options">As they are from now on.</param>
    public Task<bool> Start(long id, string options) => db.Write(connection => connection.Execute("""
        update imports set starts = starts + 1, options = @options where id = @id and state = 'running'
        """, new { id, options }) == 1);

    /// <summary>Keeps what a running one has come to. False when it is gone or has ended.</summary>
    public Task<bool> Show(long id, string report) => db.Write(connection => connection.Execute("""
        update imports set report = @report where id = @id and state = 'running'
        """, new { id, report }) == 1);

    /// <summary>Ends a running one before whoever is at it does. False when it is gone or has ended.</summary>
    /// <param name="ended">Makes the report from what was kept last.</param>
    public Task<bool> Stop(long userId, long id, Func<string, string> ended, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            var last = connection.QueryFirstOrDefault<string>("""
                select report from imports where id = @id and user_id = @userId and state = 'running'
                """, new { id, userId });
            if (last is null)
            {
                return false;
            }

            var report = ended(last);
            return connection.Execute("""
                update imports set state = 'failed', report = @report, ended_at = @at where id = @id and state = 'running'
                """, new { id, report, at }) == 1;
        });
    }

    /// <summary>Ends a running one. False when it is gone or was stopped.</summary>
    public Task<bool> Finish(long id, string state, string report, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection => connection.Execute("""
            update imports set state = @state, report = @report, ended_at = @at where id = @id and state = 'running'
            """, new { id, state, report, at }) == 1);
    }

    /// <summary>Says what one that was stopped had come to.</summary>
    public Task<bool> Correct(long id, string report) => db.Write(connection => connection.Execute("""
        update imports set report = @report where id = @id and state = 'failed'
        """, new { id, report }) == 1);

    /// <summary>Takes a finished one from its owner's list.</summary>
    public Task<bool> Delete(long userId, long id) => db.Write(connection => connection.Execute("""
        delete from imports where id = @id and user_id = @userId and state <> 'running'
        """, new { id, userId }) == 1);

    private static long CountRunning(DbConnection connection, long userId) => connection.ExecuteScalar<long>("""
        select count(*) from imports where user_id = @userId and state = 'running'
        """, new { userId });
}

internal sealed record ImportRow
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string State { get; init; } = "";

    public string Name { get; init; } = "";

    public long Bytes { get; init; }

    public string Options { get; init; } = "";

    public string Report { get; init; } = "";

    public int Starts { get; init; }

    public long CreatedAt { get; init; }

    public long? EndedAt { get; init; }
}
