namespace AiChat.Data;

/// <summary>What tells that a store is being filled from another one, so that no server starts on half of it.</summary>
internal static class MoveMark
{
    /// <summary>A table that is there until everything is.</summary>
    public const string Table = "store_move";

    /// <summary>Of the name of a database file until everything is in it.</summary>
    public const string FileEnding = ".moving";
}
