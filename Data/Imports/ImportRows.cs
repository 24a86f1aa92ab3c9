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
    public Task<ImportRow> Insert(long userId, string name, long bytes, string options, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
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

    /// <summary>Counts a start. False when it is gone, with its owner, or has ended.</summary>
    public Task<bool> Start(long id) => db.Write(connection => connection.Execute("""
        update imports set starts = starts + 1 where id = @id and state = 'running'
        """, new { id }) == 1);

    public Task Finish(long id, string state, string report, DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        return db.Write(connection =>
        {
            connection.Execute("""
                update imports set state = @state, report = @report, ended_at = @at where id = @id and state = 'running'
                """, new { id, state, report, at });
        });
    }

    /// <summary>Takes a finished one from its owner's list.</summary>
    public Task<bool> Delete(long userId, long id) => db.Write(connection => connection.Execute("""
        delete from imports where id = @id and user_id = @userId and state <> 'running'
        """, new { id, userId }) == 1);
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
