using System.Text.RegularExpressions;
using AiChat.Tests.Architecture;

namespace AiChat.Tests.Data;

/// <summary>A statement of the program and the type that runs it.</summary>
internal sealed record Statement(Type Of, string Text)
{
    public override string ToString() => $"{Of.Name}: {Text}";
}

/// <summary>
/// The statements of the program, read from the compiled code: each is one literal, because what it is composed of is constant. What is put
/// together at run time is left out, and stands in the rooms of the engines and in the readers of other programs' databases alone.
/// </summary>
internal static partial class Statements
{
    /// <summary>They read databases of SQLite that other programs have written.</summary>
    private static readonly string[] _foreign = ["SourceReader", "SourceRows", "SourceTables", "SourceValues"];

    /// <summary>They copy the tables of whatever schema there is, and each speaks to one engine.</summary>
    private static readonly string[] _moves = ["SqliteMoveStore", "PostgresMoveStore"];

    /// <summary>Those that every engine takes.</summary>
    public static List<Statement> Shared { get; } = [.. In("AiChat.Data.").Where(one =>
        !IsIn(one.Of, "AiChat.Data.Sqlite") && !IsIn(one.Of, "AiChat.Data.Postgres") && !_foreign.Contains(one.Of.Name)
        && !_moves.Contains(one.Of.Name))];

    /// <summary>Those of one namespace and below.</summary>
    public static IEnumerable<Statement> In(string start) =>
        from type in typeof(Program).Assembly.GetTypes()
        where type.FullName!.StartsWith(start, StringComparison.Ordinal)
        from text in TypeReferences.Literals(type).Distinct()
        where Beginning().IsMatch(text)
        select new Statement(TypeReferences.Outermost(type), text);

    private static bool IsIn(Type type, string room) => type.Namespace == room;

    [GeneratedRegex(@"\A\s*(select|insert( or \w+)? into|update( or \w+)? \w+\s+set|delete\s+from|with( recursive)? \w+)\s")]
    private static partial Regex Beginning();
}
