namespace AiChat.Endpoints.Runs;

/// <summary>Who waits for new events of a log. All members are safe to call from any thread.</summary>
internal sealed class LogReaders
{
    private readonly Lock _gate = new();
    private readonly List<AsyncSignal> _readers = [];

    public void Add(AsyncSignal reader)
    {
        lock (_gate)
        {
            _readers.Add(reader);
        }
    }

    public void Remove(AsyncSignal reader)
    {
        lock (_gate)
        {
            _readers.Remove(reader);
        }
    }

    /// <summary>Wakes all, each on a thread of its own.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            foreach (var reader in _readers)
            {
                reader.Set();
            }
        }
    }

    /// <summary>
    /// Wakes the readers for a new event. A single reader continues on this thread, which saves two changes of thread for every token;
    /// several continue on threads of their own, so that they do not delay the run. Hold no lock here.
    /// </summary>
    public void WakeInline()
    {
        AsyncSignal? only;
        lock (_gate)
        {
            only = _readers.Count == 1 ? _readers[0] : null;
        }

        if (only is null)
        {
            Wake();
        }
        else
        {
            only.Set(inline: true);
        }
    }
}
