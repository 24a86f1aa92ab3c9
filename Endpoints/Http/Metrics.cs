using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Http;

/// <summary>Counters since the start of the process, for <c>/metrics</c>. Safe for any number of threads.</summary>
internal sealed class Metrics
{
    private static readonly int Failures = Enum.GetValues<ProviderFailure>().Length;

    private readonly long[] _requests = new long[6];
    private readonly long[] _failures = new long[Failures];
    private long _deltas;

    /// <summary>Deltas of text and reasoning that providers sent; most providers send one for each token.</summary>
    public long Deltas => Interlocked.Read(ref _deltas);

    public void Streamed(int deltas) => Interlocked.Add(ref _deltas, deltas);

    public void ProviderFailed(ProviderFailure failure) => Interlocked.Increment(ref _failures[(int)failure]);

    public void Answered(int status) => Interlocked.Increment(ref _requests[Math.Clamp(status / 100, 0, 5)]);

    /// <summary>Answered requests by the first digit of their status, from 1 to 5.</summary>
    public long Requests(int status) => Interlocked.Read(ref _requests[status]);

    public long ProviderFailures(ProviderFailure failure) => Interlocked.Read(ref _failures[(int)failure]);
}

internal static class MetricsExtensions
{
    /// <summary>Counts every response. Comes first, so that refusals are counted too.</summary>
    public static void UseRequestCount(this WebApplication app)
    {
        var metrics = app.Services.GetRequiredService<Metrics>();
        app.Use(async (context, next) =>
        {
            await next(context);
            metrics.Answered(context.Response.StatusCode);
        });
    }
}
