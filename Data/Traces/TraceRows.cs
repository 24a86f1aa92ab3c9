namespace AiChat.Data.Traces;

/// <summary>The part of a trace that never changes.</summary>
internal sealed record TraceHead
{
    public required long UserId { get; init; }

    /// <summary>The user's name at that time.</summary>
    public required string Actor { get; init; }

    /// <summary>send, regenerate, continue, or the protocol of the compatible API that the request used.</summary>
    public required string Kind { get; init; }

    public string? ClientMessageId { get; init; }

    public string? Provider { get; init; }

    public string? Model { get; init; }

    public long StartedAt { get; init; }
}

/// <summary>The events of a trace since it was last stored, and its present state.</summary>
internal sealed record TraceBatch
{
    /// <summary>0 until it is stored for the first time.</summary>
    public required long Id { get; init; }

    public required TraceHead Head { get; init; }

    public required IReadOnlyList<TraceEventRow> Events { get; init; }

    public long? SessionId { get; init; }

    public long? MessageId { get; init; }

    /// <summary>running, completed, failed or stopped.</summary>
    public required string Status { get; init; }

    public long? EndedAt { get; init; }

    public long EventCount { get; init; }

    /// <summary>Some events were dropped.</summary>
    public bool Truncated { get; init; }
}

internal sealed class TraceEventRow
{
    public long Seq { get; init; }

    public string Type { get; init; } = "";

    public long At { get; init; }

    /// <summary>A JSON object.</summary>
    public string Payload { get; init; } = "{}";
}

internal sealed class TraceRow
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public string Actor { get; init; } = "";

    public string Kind { get; init; } = "";

    public long? SessionId { get; init; }

    public long? MessageId { get; init; }

    public string? ClientMessageId { get; init; }

    public string? Provider { get; init; }

    public string? Model { get; init; }

    public string Status { get; init; } = "";

    public long EventCount { get; init; }

    public bool Truncated { get; init; }

    public long StartedAt { get; init; }

    public long? EndedAt { get; init; }
}

/// <summary>Null does not filter. The text is in lower case; it is looked for in the actor, the model and the client's id.</summary>
internal sealed record TraceFilter(long? SessionId, string? Status, string? Text);
