using System.Data.Common;
using Dapper;

namespace AiChat.Data.Postgres;

/// <summary>
/// Wakes the other processes when there is something to read for them, which they else do once a second. Nothing else listens or notifies.
/// <c>?listen=off</c> does without it, and so does <c>?pooler=transaction</c>, through which nothing would be heard.
/// </summary>
internal static class Wakeup
{
    public static void Listen(DbConnection connection) => connection.Execute("listen aichat");

    /// <summary>Wakes who listens when the transaction is committed.</summary>
    public static void Send(DbConnection connection) => connection.Execute("notify aichat");
}
