namespace AiChat.Endpoints.Http;

/// <summary>Something an administrator should know or mend.</summary>
/// <param name="Kind">Stable, snake_case; the page translates by it. One line for each kind stands in <c>notice.*</c> of its texts.</param>
/// <param name="Detail">What was seen and what to do, in English, as the log says it.</param>
/// <param name="Subject">What it is about, such as an address or a path; null when the kind says everything.</param>
/// <param name="Setting">The line that mends it, such as TRUSTED_PROXIES=10.0.0.1.</param>
internal sealed record Notice(string Kind, string Detail, string? Subject = null, string? Setting = null)
{
    public DateTimeOffset Since { get; init; }
}

/// <summary>
/// What administrators are told about the server, on their pages and in /api/settings/app-info, in the order in which it was noticed. Kept
/// in memory: a restart notices again what still holds. Callers log for themselves.
/// </summary>
internal sealed class Notices(TimeProvider clock)
{
    /// <summary>Most of these of one kind, because clients may cause some kinds.</summary>
    private const int MaxOfKind = 8;

    private readonly Lock _gate = new();
    private readonly List<Notice> _notices = [];

    public IReadOnlyList<Notice> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _notices];
            }
        }
    }

    /// <summary>Adds a notice. One with the same kind and subject keeps its time.</summary>
    /// <returns>Whether it is new; false also when there are <see cref="MaxOfKind"/> of its kind.</returns>
    public bool Add(Notice notice)
    {
        lock (_gate)
        {
            var same = _notices.FindIndex(other => other.Kind == notice.Kind && other.Subject == notice.Subject);
            if (same >= 0)
            {
                _notices[same] = notice with { Since = _notices[same].Since };
                return false;
            }

            if (_notices.Count(other => other.Kind == notice.Kind) >= MaxOfKind)
            {
                return false;
            }

            _notices.Add(notice with { Since = clock.GetUtcNow() });
            return true;
        }
    }

    /// <summary>Removes every notice of this kind that no longer holds.</summary>
    public void Remove(string kind)
    {
        lock (_gate)
        {
            _notices.RemoveAll(notice => notice.Kind == kind);
        }
    }
}
