namespace AiChat.Data;

/// <summary>What a long step of the start does now, from the thread that works to those that tell it. Safe for any thread.</summary>
/// <param name="stop">Ends the step; what it has begun is undone.</param>
internal sealed class StartProgress(CancellationToken stop = default)
{
    private volatile StartStep _now = new(StartStep.Begin, "", null);

    /// <summary>Nobody asks and nobody stops it.</summary>
    public static StartProgress None => new();

    public CancellationToken Stop => stop;

    public StartStep Now => _now;

    /// <summary>What a person decided about a log that does not belong to the database file beside it.</summary>
    public LogChoice LogChoice { get; init; }

    /// <summary>Takes one line for the operator, such as where a copy is.</summary>
    public Action<string> Say { get; init; } = static _ => { };

    /// <param name="name">In snake_case, for programs.</param>
    /// <param name="detail">What is worked on, for people; may be empty.</param>
    /// <param name="share">How much of the step is done, from 0 to 1; null when that is not known.</param>
    public void Report(string name, string detail, double? share) =>
        _now = new StartStep(name, detail, share is { } part ? Math.Clamp(part, 0, 1) : null);
}

/// <summary>A step of the start, as <see cref="StartProgress.Report"/> was told.</summary>
internal sealed record StartStep(string Name, string Detail, double? Share)
{
    public const string Begin = "starting";
    public const string Wait = "waiting_for_folder";
    public const string Copy = "copying_database";
    public const string CheckCopy = "checking_copy";
    public const string Migrate = "migrating_database";
    public const string Index = "indexing_messages";
    public const string TryLog = "checking_log";
    public const string Finish = "finishing_upgrade";

    /// <summary>In whole percent; the last one is left to the end of the step.</summary>
    public int? Percent => Share is { } share ? Math.Min(99, (int)(share * 100)) : null;

    /// <summary>For one line of a log: what is done, what is worked on and how far.</summary>
    public override string ToString()
    {
        var text = Name.Replace('_', ' ');
        return $"{text}{(Detail.Length > 0 ? $" ({Detail})" : "")}{(Percent is { } percent ? $", {percent} %" : "")}";
    }
}

/// <summary>What to do with a log that is of a later state than the database file beside it.</summary>
internal enum LogChoice
{
    /// <summary>Nothing was decided: the start is refused.</summary>
    None,

    /// <summary>The file stays as it is; the log is moved aside.</summary>
    KeepFile,

    /// <summary>The log is replayed onto the file.</summary>
    KeepLog,
}
