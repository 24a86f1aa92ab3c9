using System.Globalization;
using AiChat.Data;

namespace AiChat.Commands;

/// <summary>Tells the progress of long work in lines: when another step begins, and every few seconds within one.</summary>
internal sealed class ProgressLines : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(5);

    private readonly StartProgress _progress;
    private readonly string _what;
    private readonly Action<string> _say;
    private readonly Timer _timer;
    private readonly long _began = TimeProvider.System.GetTimestamp();
    private StartStep? _told;
    private long _toldAt;

    /// <param name="what">What goes on, as in "Starting for 5 s".</param>
    /// <param name="say">Takes the lines; what takes less than a second is not told.</param>
    public ProgressLines(StartProgress progress, string what, Action<string> say)
    {
        (_progress, _what, _say) = (progress, what, say);
        _timer = new Timer(static lines => ((ProgressLines)lines!).Tell(), this, Interval, Interval);
    }

    public void Dispose()
    {
        using var ended = new ManualResetEvent(false);
        if (_timer.Dispose(ended))
        {
            ended.WaitOne();
        }
    }

    private void Tell()
    {
        try
        {
            TellNow();
        }
        catch (IOException)
        {
            // Nobody reads the lines any more; the work goes on.
        }
    }

    private void TellNow()
    {
        var now = _progress.Now;
        var isNew = (_told?.Name, _told?.Detail) != (now.Name, now.Detail);
        if (isNew || TimeProvider.System.GetElapsedTime(_toldAt) >= BetweenLines)
        {
            (_told, _toldAt) = (now, TimeProvider.System.GetTimestamp());
            var seconds = TimeProvider.System.GetElapsedTime(_began).TotalSeconds;
            _say(string.Create(CultureInfo.InvariantCulture, $"{_what} for {seconds:0} s: {now}."));
        }
    }
}
