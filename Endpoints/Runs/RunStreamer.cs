using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Streams a run's log to one client from a position on. A client that goes away, reads slowly or comes back later does not affect the
/// run.
/// </summary>
internal sealed class RunStreamer(
    RunRegistry registry, RunSlots slots, AuthCache authCache, SystemSettings settings, BackgroundWork background, TimeProvider clock)
    : IHostedService, IDisposable
{
    /// <summary>Readers that an account may have beyond one for each of its runs, for other tabs and devices.</summary>
    private const int MaxExtraPerUser = 16;

    /// <summary>How often silent readers check whether their heartbeat is due.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>A tick, and half of one for a busy machine and the network.</summary>
    private static readonly TimeSpan Early = 1.5 * Tick;

    private readonly ConcurrentDictionary<long, int> _byUser = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _beating = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _beating = background.Every(
            "heartbeats",
            Tick,
            () =>
            {
                registry.WakeReaders();
                return Task.CompletedTask;
            },
            _stop.Token);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _beating;
    }

    public void Dispose() => _stop.Dispose();

    /// <summary>Writes the events after a position until the run ends, the client goes or its login ends.</summary>
    /// <param name="follow">False writes only what there is: for clients behind a proxy that holds a stream back until it ends.</param>
    public async Task Stream(HttpContext context, CurrentUser me, RunLog log, long after, bool follow)
    {
        var max = settings.MaxRunsPerUser == 0 ? int.MaxValue : settings.MaxRunsPerUser + MaxExtraPerUser;
        if (_byUser.AddOrUpdate(me.Id, 1, (_, count) => count + 1) > max)
        {
            Leave(me.Id);
            await Problems.TooMany("too_many_runs", "This account follows too many answers at once.", 5).ExecuteAsync(context);
            return;
        }

        var signal = new AsyncSignal();
        try
        {
            var revoked = await authCache.Watch(me);
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, revoked);
            log.Subscribe(signal);
            using var wake = ends.Token.UnsafeRegister(static state => ((AsyncSignal)state!).Set(), signal);
            var sse = Sse.Begin(context);
            await Pump(sse, log, signal, after, follow, ends.Token);
        }
        catch (OperationCanceledException)
        {
            // The client went or its login ended; the run continues.
        }
        finally
        {
            log.Unsubscribe(signal);
            Leave(me.Id);
        }
    }

    /// <summary>
    /// Writes the events after a position for another process, which judges its readers itself. The first line says how far the log is now.
    /// </summary>
    public async Task Relay(HttpContext context, RunLog log, long after)
    {
        var signal = new AsyncSignal();
        var ends = context.RequestAborted;
        try
        {
            log.Subscribe(signal);
            using var wake = ends.UnsafeRegister(static state => ((AsyncSignal)state!).Set(), signal);
            var sse = Sse.Begin(context);
            sse.Notice(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{MirrorFrames.At}{log.Position}\n\n")));
            await sse.Flush(ends);
            await Pump(sse, log, signal, after, follow: true, ends, gathers: false);
        }
        catch (OperationCanceledException)
        {
            // The other process went, or nobody reads there any more.
        }
        finally
        {
            log.Unsubscribe(signal);
        }
    }

    private async Task Pump(
        Sse sse, RunLog log, AsyncSignal signal, long position, bool follow, CancellationToken ends, bool gathers = true)
    {
        var frames = new List<SseFrame>();
        var heartbeat = Sse.HeartbeatInterval(settings);

        // Silence is looked at once a tick, which may come late: it is due before it may last no longer.
        var due = heartbeat - Early > heartbeat / 2 ? heartbeat - Early : heartbeat / 2;
        // Text may not be gathered for longer than that, or a proxy would cut the silent connection.
        var gather = gathers ? Math.Min(settings.StreamDeltaFlushIntervalMs, due.TotalMilliseconds) : 0;
        var lastWrite = clock.GetTimestamp();
        var noticed = false;

        // The head goes out with the first events of a run that begins now, and by itself where none may follow soon.
        if (position >= log.Position && log.Position > 0 && !log.Completed)
        {
            await sse.Flush(ends);
        }

        while (!ends.IsCancellationRequested)
        {
            var finished = log.Read(position, frames);
            foreach (var frame in frames)
            {
                sse.Write(frame);
                position = frame.Id;
            }

            if (frames.Count == 0 && slots.IsClosed && !noticed)
            {
                noticed = true;
                sse.Notice("event: restarting\ndata: {}\n\n"u8);
                await sse.Flush(ends);
            }
            else if (frames.Count == 0 && clock.GetElapsedTime(lastWrite) >= due)
            {
                sse.Heartbeat();
                await sse.Flush(ends);
                lastWrite = clock.GetTimestamp();
            }
            else if (frames.Count > 0 && !finished)
            {
                // The last events go out with the end of the response.
                await sse.Flush(ends);
                lastWrite = clock.GetTimestamp();
            }

            if (finished || (frames.Count == 0 && !follow))
            {
                return;
            }

            if (frames.Count == 0)
            {
                await signal.WaitAsync();
            }
            else if (follow && gather > 0 && frames.Exists(frame => frame.Text is not null))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(gather), clock, ends);
            }

            frames.Clear();
        }
    }

    private void Leave(long userId)
    {
        if (_byUser.AddOrUpdate(userId, 0, (_, count) => count - 1) == 0)
        {
            _byUser.TryRemove(new KeyValuePair<long, int>(userId, 0));
        }
    }
}
