using AiChat.Data.Store;
using Dapper;

namespace AiChat.Data.Runs;

/// <summary>Learnt ratios between each model's token count and the server's estimate.</summary>
internal sealed class TokenFactorRows(Db db)
{
    public Task<List<TokenFactorRow>> List() => db.Read(connection => connection.Query<TokenFactorRow>("""
        select connection_id, model, factor from token_factors order by connection_id, model limit 200000
        """).ToList());

    /// <summary>Stores nothing for a deleted connection.</summary>
    public Task Put(TokenFactorRow row) => db.Write(connection =>
    {
        connection.Execute("""
            insert into token_factors (connection_id, model, factor)
            select id, @Model, @Factor from connections where id = @ConnectionId
            on conflict (connection_id, model) do update set factor = excluded.factor
            """, row);
    });
}

internal sealed record TokenFactorRow
{
    public long ConnectionId { get; init; }

    public string Model { get; init; } = "";

    /// <summary>The model's tokens for each estimated token.</summary>
    public double Factor { get; init; }
}
