using System.Data.Common;

namespace AiChat.Data.Moves;

/// <summary>One end of a move: the store that is read, or the one that is filled. Used by one thread.</summary>
internal interface IMoveStore : IDisposable
{
    /// <summary>Where it is, as messages name it.</summary>
    string Place { get; }

    /// <summary>For statements that both engines take.</summary>
    DbConnection Connection { get; }

    /// <summary>Values, by table and column, in which something had to be replaced that not every engine can keep.</summary>
    Dictionary<string, long> Replaced { get; }

    /// <summary>Rows by ascending key, read as they are asked for. The array is used again for the next one.</summary>
    /// <param name="after">Only those after this key; null for all.</param>
    IEnumerable<object?[]> Rows(MoveTable table, object[]? after);

    long Count(MoveTable table);

    /// <summary>The greatest key that is there; null when there is none.</summary>
    object[]? LastKey(MoveTable table);

    /// <summary>Adds some rows in one transaction.</summary>
    /// <returns>False when there were no more.</returns>
    bool Append(MoveTable table, IEnumerator<object?[]> rows);

    /// <summary>The newest id that each table has given, whether its row is there or not.</summary>
    Dictionary<string, long> Counters();

    /// <summary>Makes what was filled a store that a server starts on.</summary>
    /// <param name="counters">Those of the source.</param>
    /// <param name="last">Is done in the same transaction.</param>
    void Finish(IReadOnlyList<MoveTable> tables, IReadOnlyDictionary<string, long> counters, Action<DbConnection> last);
}

/// <summary>Bounds what is written in one transaction, and so what a kill costs and how much is in memory.</summary>
internal struct MoveBatch
{
    private const int MaxRows = 1_000;
    private const long MaxLetters = 4L << 20;

    private int _rows;
    private long _letters;

    public readonly bool IsFull => _rows >= MaxRows || _letters >= MaxLetters;

    public void Add(object?[] values)
    {
        _rows++;
        foreach (var value in values)
        {
            _letters += value is string text ? text.Length : 0;
        }
    }
}
