using System.Data.Common;
using Dapper;

namespace AiChat.Data.Sqlite;

/// <summary>Asks the full-text index over messages, which triggers of the schema keep up to date.</summary>
internal static class TextIndex
{
    /// <summary>Ids of the user's messages that may hold the terms; null when all terms are too short for the index.</summary>
    public static HashSet<long>? Candidates(DbConnection connection, long userId, SearchTerms terms)
    {
        if (terms.Match is null)
        {
            return null;
        }

        var match = $"{SearchTerms.Owner(userId)} AND {terms.Match}";
        return connection.Query<long>("""
            select rowid from messages_text where messages_text match @match
            """, new { match }, buffered: false).ToHashSet();
    }
}
